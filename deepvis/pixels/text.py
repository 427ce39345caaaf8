"""Values of a preprocessing as a person types them, on the command line and in the window."""

from __future__ import annotations

from deepvis.errors import SettingsError


def resize_to(text: str, where: str) -> tuple[int, ...]:
    """Read ``none``, ``256`` or ``256,341`` as what `prototxt.pixels.change.change_preprocessing` resizes to.

    Parameters
    ----------
    where : what it was typed for; here and below a `SettingsError` names it.
    """
    return _whole_numbers(text, where, (1, 2))


def crop(text: str, where: str) -> tuple[int, ...]:
    """Read ``none`` or ``227,227``."""
    return _whole_numbers(text, where, (2,))


def numbers(text: str, where: str) -> tuple[float, ...]:
    """Read ``none``, or numbers with commas between."""
    if text.strip() in ("", "none"):
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise SettingsError(
            f"{where} {text}: must be numbers with commas between, one per channel, or one for all, or none"
        ) from None


def factor(text: str, where: str) -> float:
    """Read a number, or a fraction such as ``1/255``."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / (float(below) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise SettingsError(f"{where} {text}: must be a number such as 1, or a fraction such as 1/255") from None


def _whole_numbers(text: str, where: str, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Positive integers with commas between; none for ``none``."""
    if text.strip() == "none":
        return ()
    parts = text.split(",")
    if len(parts) not in counts or not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        wanted = " or ".join(str(count) for count in counts)
        raise SettingsError(f"{where} {text}: must be {wanted} positive integers with commas between, or none")
    return tuple(int(part) for part in parts)
