"""What a command says of images that it left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from deepvis.errors import ImageError

ERRORS_SHOWN = 3


def print_errors(words: str, errors: Sequence[ImageError]) -> None:
    """Print to stderr how many errors there are, what became of the images, and the first ones; nothing for none."""
    if not errors:
        return
    print(f"{len(errors)} {words}", file=sys.stderr)
    for error in errors[:ERRORS_SHOWN]:
        print(f"  {error}", file=sys.stderr)
    if len(errors) > ERRORS_SHOWN:
        print(f"  … and {len(errors) - ERRORS_SHOWN} more", file=sys.stderr)
