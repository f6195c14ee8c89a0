"""What is known of a user, for that user to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ._html import page


@dataclass(frozen=True, slots=True)
class Mean:
    """On a scale: the mean response."""

    kind: ClassVar[Literal["mean"]] = "mean"
    mean: float
    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Among labels and options: how often each was given, the most frequent first."""

    kind: ClassVar[Literal["shares"]] = "shares"
    shares: tuple[tuple[str, float], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Free text, or no interaction yet: nothing is usual."""

    kind: ClassVar[Literal["nothing"]] = "nothing"


@dataclass(frozen=True, slots=True)
class PointsEffect:
    """On a scale: the mean response with a factor less the mean without it, in points."""

    kind: ClassVar[Literal["points"]] = "points"
    with_: float
    without: float
    higher: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ShareEffect:
    """Among labels and options: the share of the response that a factor changes most."""

    kind: ClassVar[Literal["share"]] = "share"
    response: str = field(repr=False)
    with_: float
    usual: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TakenUpEffect:
    """In free text: how often the user takes a factor up."""

    kind: ClassVar[Literal["taken_up"]] = "taken_up"
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MorePoints:
    """How much higher the user is than most people, in points."""

    kind: ClassVar[Literal["points"]] = "points"
    higher: float


@dataclass(frozen=True, slots=True)
class OtherShare:
    """The share of a response, of the user's and of most people's."""

    kind: ClassVar[Literal["share"]] = "share"
    response: str = field(repr=False)
    own: float
    most: float


@dataclass(frozen=True, slots=True)
class Example:
    """A past interaction in which a factor was seen."""

    item: str
    words: str = field(repr=False)
    seen: str = field(repr=False)
    response: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sway:
    """A factor that sways the user."""

    factor: str
    label: str = field(repr=False)
    seen: float
    effect: PointsEffect | ShareEffect | TakenUpEffect
    sureness: str
    """`sure`, `likely` or `guess`."""
    examples: tuple[Example, ...]
    most_people: MorePoints | OtherShare | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a user, for that user to read: as text by `str`, as a page by `html`."""

    user: str
    instruction: str = field(repr=False)
    response_name: str
    language: str
    interactions: int
    usual: Mean | Shares | Nothing
    sways: tuple[Sway, ...]
    others: tuple[str, ...] = field(repr=False)
    set_aside: tuple[str, ...] = field(repr=False)
    without_factor: int
    people: int | None
    note: str | None = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return page(self.html)
