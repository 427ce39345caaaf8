"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from finetune.training.prepared import Prepared, Setting
from prototxt.common.progress import Progress, with_bar
from prototxt.common.registry import Registry

Preparing = Generator[Progress, None, Prepared]
"""The work of a method that trains before the new task is trained, with its progress."""


@dataclass(frozen=True)
class Method:
    """A way to teach a net a new task.

    Parameters
    ----------
    name : as it is written in study files, ``lower-case-with-dashes``.
    title : as tables show it.
    what : what it does, in one sentence.
    source : where it comes from: a paper and its section, or "ours".
    prepare : makes the net to train of a `Setting`; keyword arguments are the method's own options. One that takes
        long is a generator, which tells its progress.
    options : these options with their defaults.
    grid : values of options, and of the study's ``base_lr``, among which a validation part chooses; empty for none.
    plain : whether stock Caffe can train what it prepares.
    """

    name: str
    title: str
    what: str
    source: str
    prepare: Callable[..., Prepared | Preparing]
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    plain: bool = True

    def __call__(self, setting: Setting, **options: Any) -> Prepared:
        """Prepare with the defaults and the given options."""
        return with_bar(self.preparing(setting, **options), quiet=True)

    def preparing(self, setting: Setting, **options: Any) -> Preparing:
        """Prepare as a generator, which tells its progress and can be closed."""
        made = self.prepare(setting, **{**self.options, **options})
        return (yield from made) if isinstance(made, Generator) else made


Prepare = TypeVar("Prepare", bound=Callable[..., Prepared | Preparing])
METHODS: Registry[Method] = Registry("method")


def method(
    name: str,
    title: str,
    source: str,
    grid: Mapping[str, Sequence[Any]] | None = None,
    plain: bool = True,
    **options: Any,
) -> Callable[[Prepare], Prepare]:
    """Register the decorated ``prepare``; its docstring's first line is `Method.what`; ``options`` are its defaults.

    May be stacked: one function can be several methods (M1–M6 differ in an option).
    """

    def register(prepare: Prepare) -> Prepare:
        what = (prepare.__doc__ or "").strip().splitlines()[0].rstrip(".")
        METHODS.add(name, Method(name, title, what, source, prepare, options, grid or {}, plain))
        return prepare

    return register
