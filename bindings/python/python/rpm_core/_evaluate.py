"""Compares methods on held-out rows, with the doubt of every figure."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _frame, _native
from ._backend import Backend, BackendLike, settings
from ._decode import read
from ._errors import ConfigError
from ._html import page
from ._native import Task
from ._personalizer import ColumnsLike
from ._progress import ProgressLike, teller
from ._types import Interval

Session = Callable[[str, list[str]], object]
"""Is given a query and its options, and gives the response, or `None` for none."""
OwnMethod = Callable[[list[dict[str, Any]]], Session]
"""Is given a user's history, oldest first, and gives a `Session`. Rows have `query`, `options`, `response` and `time`."""

DEFAULT = ("majority", "knn", "offline")


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its interval, which draws users; too few users give none."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one method."""

    method: str
    metric: str
    higher_is_better: bool
    measured: Measured | None
    answered: int
    items: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two methods on the same items. Only `adjusted_p` decides whether one is better."""

    base: str
    method: str
    metric: str
    items: int
    users: int
    difference: Measured
    p: float | None
    adjusted_p: float | None
    users_won: int
    users_tied: int
    users_lost: int


class Evaluation:
    """What came of a comparison: scores, paired differences, every answer, and the report."""

    __slots__ = ("_native", "report", "scores", "comparisons")

    report: dict[str, Any]
    """All figures, as `report.json` has them."""
    scores: tuple[Score, ...]
    comparisons: tuple[Comparison, ...]

    def __init__(self, native: _native.Evaluation) -> None:
        self._native = native
        self.report = native.report()
        found = self.report["sets"][0]
        self.scores = tuple(
            Score(row["method"], metric["name"], metric["higher_is_better"], _measured(score), row["answered"], found["items"])
            for row in found["methods"]
            for metric, score in zip(found["metrics"], row["scores"], strict=True)
        )
        self.comparisons = tuple(read(Comparison, it) for it in found["comparisons"])

    @property
    def stopped(self) -> bool:
        """True when a budget ended it before all was done."""
        return self._native.stopped

    def records(self) -> list[dict[str, Any]]:
        """Every answer of every method: `set`, `method`, `user`, `item` (the row's place in the frame), `gold`, `raw`, `response`,
        `value`, `confidence`, `probabilities`, `error`."""
        return self._native.records()

    def metrics(self, method: str) -> dict[str, float | None]:
        """The values of the metrics of one method over all its answers, by name, before any rounding."""
        return self._native.metrics(method)

    def to_dicts(self) -> list[dict[str, object]]:
        """A row for each metric of each method, for any data frame."""
        return [
            {
                "method": it.method,
                "metric": it.metric,
                "value": it.measured.value if it.measured else None,
                "low": it.measured.interval.low if it.measured and it.measured.interval else None,
                "high": it.measured.interval.high if it.measured and it.measured.interval else None,
                "answered": it.answered,
                "items": it.items,
            }
            for it in self.scores
        ]

    def to_frame(self) -> Any:
        """The same as a pandas frame, or a polars one where pandas is not installed."""
        return _frame.frame_of(self.to_dicts())

    def to_html(self) -> str:
        """The report as one page that loads nothing."""
        return self._native.html()

    def to_markdown(self) -> str:
        """The report as Markdown."""
        return self._native.markdown()

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Writes `report.md`, `report.html` and `report.json` into a folder."""
        self._native.write(os.fspath(folder))

    def __str__(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        return f"Evaluation(methods={self.report['methods']}, items={self.report['sets'][0]['items']})"

    def _repr_html_(self) -> str:
        return page(self.to_html())


def _measured(data: Any) -> Measured | None:
    return None if data is None else read(Measured, data)


def method_names() -> list[str]:
    """The names of the library's methods. Options follow a name: `knn:k=9`, `offline:others=10`."""
    return _native.method_names()


def evaluate(
    data: Any,
    task: Task | None = None,
    *,
    methods: Sequence[str] | Mapping[str, OwnMethod | None] = DEFAULT,
    bases: Sequence[str] = (),
    columns: ColumnsLike = None,
    backend: Backend | BackendLike | None = None,
    tests: int | None = None,
    users: int | None = None,
    seed: int = 0,
    at_once: int = 1,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    texts: bool = False,
    name: str = "frame",
    progress: ProgressLike = None,
) -> Evaluation:
    """Learns each user from a part of their rows, asks the rest, and compares.

    `data` is a frame, with its `task`, or the path of a data set of files such as LaMP's, which has its own. Of a frame the latest fifth of each
    user's rows is asked, or `tests` of them; without times they are drawn by the seed; a column `test` says it by itself.

    A mapping of `methods` may have functions of one's own by name, beside the library's with `None`. `texts` quotes users in the report.
    """
    named = dict(methods) if isinstance(methods, Mapping) else {method: None for method in methods}
    if not isinstance(methods, Mapping) and len(named) < len(methods):
        raise ConfigError("a method is named twice")
    comparing: _native.Comparing = {
        "name": name,
        "methods": list(named.items()),
        "bases": list(bases),
        "backend": None if backend is None else settings(backend),
        "tests": tests,
        "users": users,
        "seed": seed,
        "at_once": at_once,
        "folder": None if folder is None else os.fspath(folder),
        "resume": resume,
        "texts": texts,
        "progress": teller(progress),
        "stop": None,
    }
    if isinstance(data, (str, os.PathLike)):
        if task is not None or columns is not None:
            raise ConfigError("a data set of files has its own task and columns")
        return Evaluation(_native.evaluate_files(os.fspath(data), comparing))
    if task is None:
        raise ConfigError("a frame comes with its task")
    return Evaluation(_native.evaluate_frame(task, _frame.read(data, columns, test=True), comparing))


