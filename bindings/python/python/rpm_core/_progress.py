"""Tells how far a call has come: to a function, or as a bar."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ._types import Progress

ProgressLike = bool | Callable[[Progress], object] | None
"""A function that is told, `True` for a bar, `False` or `None` for nothing."""


def teller(progress: ProgressLike) -> Callable[[str, int, int], None] | None:
    """What the native part calls."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return _bar()
    tell = progress
    return lambda stage, done, total: _dropped(tell(Progress(stage, done, total)))


def _dropped(_: object) -> None:
    return None


def _bar() -> Callable[[str, int, int], None]:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _line
    shown: list[Any] = []

    def tell(stage: str, done: int, total: int) -> None:
        if not shown:
            shown.append(tqdm(total=total, desc=stage))
        shown[0].update(done - shown[0].n)
        if done >= total:
            shown.pop().close()

    return tell


def _line(stage: str, done: int, total: int) -> None:
    """One line that is written over, and at most some hundred times."""
    if done == total or done % max(1, total // 100) == 0:
        print(f"\r{stage}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
