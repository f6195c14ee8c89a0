"""The accounts of learning, observing and forgetting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ._html import table


T = TypeVar("T")


def of_tag(cls: Callable[..., T], data: object) -> T:
    """An instance of a class whose first field is the tag, and whose others are what comes with it."""
    kind, content = tag(data)
    return cls(kind, **content) if isinstance(content, dict) else cls(kind)


def tag(data: object) -> tuple[str, object]:
    """The name and the content of an enum as serde writes it: a name, or a name with what it holds."""
    if isinstance(data, dict):
        name, content = next(iter(data.items()))
        return str(name), content
    return str(data), None


@dataclass(frozen=True, slots=True)
class Dropped:
    """Features that were found and not kept, by reason."""

    ungrounded: int
    unusable_name: int
    repeated: int
    over_limit: int
    against: int


@dataclass(frozen=True, slots=True)
class StageUsage:
    """Calls and tokens of one stage."""

    calls: int
    failed_calls: int
    retries: int
    reused: int
    withheld: int
    stepped_down: int
    reasks: int
    repaired: int
    unmetered: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one interaction."""

    kind: str
    """`learned`, `no_features`, `failed`; when observed also `known`, `conflicting`, `overtaken`."""
    features: int | None = None
    stage: str | None = None
    reason: str | None = None

    @classmethod
    def _read(cls, data: object) -> Outcome:
        return of_tag(cls, data)


@dataclass(frozen=True, slots=True)
class ItemReport:
    """One interaction and what became of it."""

    id: str
    outcome: Outcome
    reading: str | None


@dataclass(frozen=True, slots=True)
class LearnReport:
    """The account of learning one user."""

    items: tuple[ItemReport, ...]
    dropped: Dropped
    factors: int
    refused_groups: int
    unplaced_groups: int
    unjudged: int
    paths_written: int
    paths_composed: int
    budget_reached: str | None
    usage: dict[str, StageUsage]

    @property
    def learned(self) -> int:
        """Interactions with features."""
        return sum(item.outcome.kind == "learned" for item in self.items)

    @property
    def failed(self) -> int:
        """Interactions for which a stage failed."""
        return sum(item.outcome.kind == "failed" for item in self.items)


@dataclass(frozen=True, slots=True)
class ObserveReport:
    """The account of taking new interactions of one user in."""

    items: tuple[ItemReport, ...]
    dropped: Dropped
    founded: tuple[str, ...]
    established: tuple[str, ...]
    unjudged: int
    paths_written: int
    paths_composed: int
    budget_reached: str | None
    revision: int
    usage: dict[str, StageUsage]

    @property
    def taken_in(self) -> int:
        """Interactions that were taken in."""
        return sum(item.outcome.kind in ("learned", "no_features") for item in self.items)

    @property
    def failed(self) -> int:
        """Interactions for which a stage failed."""
        return sum(item.outcome.kind == "failed" for item in self.items)


@dataclass(frozen=True, slots=True)
class UserOutcome:
    """What became of one user of a frame: a report, or an error."""

    user: str
    report: LearnReport | ObserveReport | None
    error: Exception | None


@dataclass(frozen=True, slots=True)
class FrameReport:
    """The account of taking a frame in: one outcome for each user, in the order in which they first appear."""

    users: tuple[UserOutcome, ...]

    @property
    def interactions(self) -> int:
        """Interactions of the users who have a report."""
        return sum(len(it.report.items) for it in self.users if it.report)

    @property
    def learned(self) -> int:
        """Interactions in which features were found."""
        kinds = (item.outcome.kind for it in self.users if it.report for item in it.report.items)
        return sum(kind == "learned" for kind in kinds)

    @property
    def failed(self) -> int:
        """Interactions for which a stage failed, of users who have a report."""
        return sum(it.report.failed for it in self.users if it.report)

    @property
    def errors(self) -> dict[str, Exception]:
        """Users who failed as a whole, with why."""
        return {it.user: it.error for it in self.users if it.error}

    def to_dicts(self) -> list[dict[str, object]]:
        """A row for each user, for any data frame."""
        return [
            {
                "user": it.user,
                "interactions": len(it.report.items) if it.report else 0,
                "learned": sum(item.outcome.kind == "learned" for item in it.report.items) if it.report else 0,
                "factors": it.report.factors if isinstance(it.report, LearnReport) else None,
                "calls": sum(stage.calls for stage in it.report.usage.values()) if it.report else 0,
                "error": str(it.error) if it.error else None,
            }
            for it in self.users
        ]

    def to_frame(self) -> Any:
        """A row for each user as a pandas frame, or a polars one where pandas is not installed."""
        from ._frame import frame_of

        return frame_of(self.to_dicts())

    def __str__(self) -> str:
        said = f"{len(self.users)} users, {self.interactions} interactions: {self.learned} learned, {self.failed} failed"
        return said + (f"; {len(self.errors)} users failed" if self.errors else "")

    def _repr_html_(self) -> str:
        return table(str(self), self.to_dicts()[:20], len(self.users))


@dataclass(frozen=True, slots=True)
class PlaceState:
    """What was done in a place: `searched`, `erased` or `not_reached`."""

    kind: str
    bytes: int | None = None
    found: int | None = None
    how: str | None = None
    why: str | None = None
    to_do: str | None = None

    @classmethod
    def _read(cls, data: object) -> PlaceState:
        return of_tag(cls, data)


@dataclass(frozen=True, slots=True)
class Place:
    """A place where text of a user may be, and what a forgetting did there."""

    kind: str
    state: PlaceState


@dataclass(frozen=True, slots=True)
class Probe:
    """A search of what remains for the text that was removed."""

    needles: int
    bytes: int
    found: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a forgetting: ids and numbers, no text."""

    items: tuple[str, ...]
    stripped: tuple[str, ...]
    features: int
    factors: tuple[str, ...]
    paths: int
    log_records: int
    digest_before: str
    digest_after: str
    revision: int
    probe: Probe
    text: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.text
