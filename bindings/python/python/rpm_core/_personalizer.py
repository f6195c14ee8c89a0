"""Answers the way each user would, by user id."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from . import _frame, _native
from ._backend import Backend, BackendLike, settings
from ._decode import read
from ._errors import DataError
from ._html import plain
from ._native import Stop, Task
from ._population import Catalog, Population
from ._progress import ProgressLike, teller
from ._threads import Threads, context_of_waiting
from ._types import (
    FrameReport,
    LearnReport,
    NextQuestion,
    ObserveReport,
    Profile,
    Reasons,
    Receipt,
    Recorded,
    StageUsage,
    UserOutcome,
    WhatIf,
)

T = TypeVar("T")
ColumnsLike = _frame.Columns | Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Query:
    """A query with the options that come with it. Without options a text will do."""

    text: str
    options: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Query({len(self.text)} characters, {len(self.options)} options)"


QueryLike = str | Query


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one operation may use, retries included: calls, tokens of prompts and replies, seconds."""

    calls: int | None = None
    tokens: int | None = None
    time: float | None = None


class Told:
    """An answer with its reasons. `str` tells it in plain words, and draws what it is made of."""

    __slots__ = ("_native", "_reasons")

    def __init__(self, native: _native.Told) -> None:
        self._native = native
        self._reasons: Reasons | None = None

    @property
    def response(self) -> str:
        """The response, in the task's spelling."""
        return self._native.response

    @property
    def reasons(self) -> Reasons:
        """The reasons, as data and with all numbers."""
        if self._reasons is None:
            self._reasons = read(Reasons, self._native.reasons())
        return self._reasons

    @property
    def usage(self) -> dict[str, StageUsage]:
        """Calls and tokens by stage."""
        return {stage: read(StageUsage, used) for stage, used in self._native.usage().items()}

    def in_words(self) -> str:
        """The reasons in plain sentences."""
        return self._native.in_words()

    def svg(self) -> str | None:
        """The answer as a sum, as a picture; `None` for free text."""
        return self._native.svg()

    def __str__(self) -> str:
        return str(self._native)

    def __repr__(self) -> str:
        return f"Told(support={self.reasons.support})"

    def _repr_html_(self) -> str:
        return plain(str(self))


def _asked(query: QueryLike) -> tuple[str, list[str] | None]:
    return (query, None) if isinstance(query, str) else (query.text, list(query.options))


class Personalizer:
    """Records, learns, answers, profiles and forgets, by user id. Any number of threads may share one.

    Without a backend it asks no model. User models are in memory, or in one crash-safe file where `store` names it. Each method that may wait
    for a model has a twin whose name ends in `_async`; an async backend then runs on the caller's own event loop.
    """

    __slots__ = ("_native", "_task")

    def __init__(
        self,
        task: Task,
        backend: Backend | BackendLike | None = None,
        *,
        preset: Literal["paper", "balanced", "frugal", "fused"] = "paper",
        population: Population | None = None,
        catalog: Catalog | None = None,
        store: str | os.PathLike[str] | None = None,
        exemplars: int | None = None,
        budget: Budget | None = None,
        keep_open: int | None = None,
    ) -> None:
        parts: _native.Parts = {
            "backend": None if backend is None else settings(backend),
            "preset": preset,
            "population": None if population is None else population._native,
            "catalog": None if catalog is None else catalog._native,
            "store": None if store is None else os.fspath(store),
            "exemplars": exemplars,
            "budget": None if budget is None else (budget.calls, budget.tokens, budget.time),
            "keep_open": keep_open,
        }
        self._native = _native.Personalizer(task, parts)
        self._task = task

    @property
    def task(self) -> Task:
        """The task it was built for."""
        return self._task

    def learn(
        self,
        frame: Any,
        *,
        columns: ColumnsLike = None,
        at_once: int = 1,
        errors: Literal["raise", "report"] = "raise",
        progress: ProgressLike = None,
    ) -> FrameReport:
        """Learns each user of a frame from their rows, in the place of what was held of them; their edits hold on.

        Every row is checked before anything is learned. With `errors="report"` a user who fails is in the report and the others go on;
        else the first failure is raised, and who was learned before it stays learned.
        """
        return self._learn(frame, columns, at_once, errors, progress, None)

    async def learn_async(
        self,
        frame: Any,
        *,
        columns: ColumnsLike = None,
        at_once: int = 1,
        errors: Literal["raise", "report"] = "raise",
        progress: ProgressLike = None,
    ) -> FrameReport:
        """`learn`, awaited."""
        return await _awaited(lambda stop: self._learn(frame, columns, at_once, errors, progress, stop))

    def _learn(
        self, frame: Any, columns: ColumnsLike, at_once: int, errors: str, progress: ProgressLike, stop: Stop | None
    ) -> FrameReport:
        taking = _taking(at_once, errors, progress, stop)
        return _outcomes(LearnReport, self._native.learn(_frame.read(frame, columns), taking))

    def observe(
        self,
        frame: Any,
        *,
        columns: ColumnsLike = None,
        at_once: int = 1,
        errors: Literal["raise", "report"] = "raise",
        progress: ProgressLike = None,
    ) -> FrameReport:
        """Takes the rows of a frame into the models of their users, who need not be known. Rows with ids that are known, the same in all,
        change nothing; rows without ids are new each time."""
        return self._observe(frame, columns, at_once, errors, progress, None)

    async def observe_async(
        self,
        frame: Any,
        *,
        columns: ColumnsLike = None,
        at_once: int = 1,
        errors: Literal["raise", "report"] = "raise",
        progress: ProgressLike = None,
    ) -> FrameReport:
        """`observe`, awaited."""
        return await _awaited(lambda stop: self._observe(frame, columns, at_once, errors, progress, stop))

    def _observe(
        self, frame: Any, columns: ColumnsLike, at_once: int, errors: str, progress: ProgressLike, stop: Stop | None
    ) -> FrameReport:
        taking = _taking(at_once, errors, progress, stop)
        return _outcomes(ObserveReport, self._native.observe(_frame.read(frame, columns), taking))

    def record(self, user: str, query: QueryLike, response: object) -> str:
        """Records what a user responded, under an id that is made for it; gives the id. The user need not be known."""
        return self._native.record(user, _asked(query), _responded(response), None)

    async def record_async(self, user: str, query: QueryLike, response: object) -> str:
        """`record`, awaited."""
        return await _awaited(lambda stop: self._native.record(user, _asked(query), _responded(response), stop))

    def answer(self, user: str, query: QueryLike) -> Told:
        """Answers a query the way a user would, with the reasons. Asking makes nobody known."""
        return Told(self._native.answer(user, _asked(query), None))

    async def answer_async(self, user: str, query: QueryLike) -> Told:
        """`answer`, awaited."""
        return Told(await _awaited(lambda stop: self._native.answer(user, _asked(query), stop)))

    def what_if(self, told: Told) -> WhatIf:
        """Finds what an answer depended on: each factor and past interaction is taken away in turn and the question asked again."""
        return self.explain(told)

    def explain(self, told: Told, *, counterfactuals: int = 8, exemplars: bool = True, evidence: int = 3) -> WhatIf:
        """`what_if` in another extent."""
        return _explained(self._native.explain(told._native, (counterfactuals, exemplars, evidence), None))

    async def explain_async(
        self, told: Told, *, counterfactuals: int = 8, exemplars: bool = True, evidence: int = 3
    ) -> WhatIf:
        """`explain`, awaited."""
        extent = (counterfactuals, exemplars, evidence)
        return _explained(await _awaited(lambda stop: self._native.explain(told._native, extent, stop)))

    def profile(self, user: str, *, factors: int = 12, examples: int = 2, note: str | None = None) -> Profile:
        """What is known of a user, for that user to read."""
        data, text, html = self._native.profile(user, (factors, examples, note))
        return read(Profile, data, text=text, html=html)

    def ignore(self, user: str, factor: str) -> int:
        """Sets a factor aside, by its label, one of its features or its id. Gives the number of the edit, for `undo`."""
        return self._native.ignore(user, factor)

    def undo(self, user: str, edit: int) -> int:
        """Takes an edit back; gives the number of this edit."""
        return self._native.undo(user, edit)

    def forget(self, user: str, interactions: Iterable[str]) -> Receipt:
        """Forgets interactions by their ids, and all that follows from them."""
        data, text = self._native.forget(user, list(interactions))
        return read(Receipt, data, text=text)

    def forget_user(self, user: str) -> bool:
        """Forgets a user. True when there was one."""
        return self._native.forget_user(user)

    def learn_again(self, user: str) -> None:
        """Learns a user again from what was recorded, which is worth it where a model groups the factors."""
        self._native.learn_again(user, None)

    async def learn_again_async(self, user: str) -> None:
        """`learn_again`, awaited."""
        await _awaited(lambda stop: self._native.learn_again(user, stop))

    def next_question(self, user: str, pool: Sequence[QueryLike]) -> NextQuestion | None:
        """The question of a pool to ask a user next: the one whose answer tells most of the others."""
        found = self._native.next_question(user, [_asked(query) for query in pool])
        if found is None:
            return None
        place, bits, of_others, reason = found
        return NextQuestion(place, _asked(pool[place])[0], bits, of_others, reason)

    def users(self) -> list[str]:
        """The ids of all users, in ascending order."""
        found: list[str] = []
        while page := self._native.users(found[-1] if found else None, 1_000):
            found += page
        return found

    def interactions(self, user: str) -> list[Recorded]:
        """What is held of a user's past, oldest first: its ids are those that `forget` takes."""
        return [
            Recorded(id, query, tuple(options), response, time)
            for id, query, options, response, time in self._native.interactions(user)
        ]

    def user_model(self, user: str) -> str:
        """The user model as one file, in the library's own format."""
        return self._native.user_model(user)

    def __repr__(self) -> str:
        return f"Personalizer({self._task!r})"


def _responded(response: object) -> str:
    """A response as a cell of a frame is read."""
    cell = _frame.cell_of(response)
    if cell is None:
        raise DataError("the response is missing")
    return str(cell)


def _taking(at_once: int, errors: str, progress: ProgressLike, stop: Stop | None) -> _native.Taking:
    return {"at_once": at_once, "go_on": errors == "report", "progress": teller(progress), "stop": stop}


def _outcomes(kind: type[LearnReport] | type[ObserveReport], outcomes: list[_native.Outcome]) -> FrameReport:
    reports = (
        UserOutcome(user, None if report is None else read(kind, report), error) for user, report, error in outcomes
    )
    return FrameReport(tuple(reports))


def _explained(found: tuple[dict[str, Any], str, str]) -> WhatIf:
    data, words, text = found
    return read(WhatIf, data, in_words=words, text=text)


# Not asyncio's own threads: a model may need those, and there are few.
_waiting = Threads(128, "rpm_core_wait")


async def _awaited(call: Callable[[Stop], T]) -> T:
    """Waits on a thread of its own, with the running loop at the hands of the backend. Cancelling stops the call."""
    stop, loop = Stop(), asyncio.get_running_loop()
    waiting = loop.run_in_executor(_waiting.get(), context_of_waiting(loop).run, call, stop)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        stop.set()
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
