"""What the library gives back, as frozen dataclasses with the names of the Rust types and fields.

Their `repr` shows ids and numbers, and no text of a user: fields that may hold one say `repr=False`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from ._html import page, table


def _tag(data: object) -> tuple[str, object]:
    """The name and the content of an enum as serde writes it: a name, or a name with what it holds."""
    if isinstance(data, dict):
        name, content = next(iter(data.items()))
        return str(name), content
    return str(data), None


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of 95 %, both ends included."""

    low: float
    high: float


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
        kind, content = _tag(data)
        return cls(kind, **content) if isinstance(content, dict) else cls(kind)


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
class Source:
    """What moved an estimate: `factor`, `similar`, `tone`, `options`, `others` or `model`."""

    kind: str
    factor: str | None = None

    @classmethod
    def _read(cls, data: object) -> Source:
        kind, content = _tag(data)
        return cls(kind, None if content is None else str(content))


@dataclass(frozen=True, slots=True)
class ResponseProbability:
    """One response with its probability, and the user's base rate for it."""

    response: str = field(repr=False)
    probability: float
    base: float


@dataclass(frozen=True, slots=True)
class Part:
    """What one source added to the probability of each response, in their order."""

    source: Source
    added: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class People:
    """The people behind what others add: how many, and how likely it is that the user is like none of them."""

    users: int
    alone: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """P(response | features, user)."""

    responses: tuple[ResponseProbability, ...]
    decision: int
    """The place of the response that is decided for."""
    rule: Any
    parts: tuple[Part, ...]
    people: People | None = None


@dataclass(frozen=True, slots=True)
class Support:
    """The evidence, the tier it allows and why."""

    tier: str
    """`generic`, `factors`, `pairs` or `full`."""
    reason: str
    interactions: int
    known_factors: int
    significant_factors: int
    best_similarity: float
    information: float


@dataclass(frozen=True, slots=True)
class ModelPart:
    """The part that a model has in an answer."""

    alone: float
    without: float
    weight: float


@dataclass(frozen=True, slots=True)
class ProposedResponse:
    """A response that was proposed for free text."""

    response: str = field(repr=False)
    overlap: float
    by_model: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one source added to the probability of the response, and in points of a scale."""

    source: Source
    name: str = field(repr=False)
    added: float
    points: float | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """Words of a query that were not heard, at the user's wish."""

    words: str = field(repr=False)
    factor: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseBelief:
    """One response under one factor."""

    response: str = field(repr=False)
    count: float
    propensity: float
    interval: Interval
    base: float
    lift: float


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval."""

    share: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """The distance between two means, with its interval and the two-sided p of no difference."""

    difference: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True)
class ContrastedResponse:
    """One response, as the user gave it and as most people would have."""

    response: str = field(repr=False)
    own: float
    most: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """How a user differs from most people where a factor is."""

    n: float
    responses: tuple[ContrastedResponse, ...]
    higher: float | None
    deviates: float


@dataclass(frozen=True, slots=True)
class FactorSummary:
    """All statistics of one factor."""

    id: str
    label: str = field(repr=False)
    coverage: float
    total: float
    responses: tuple[ResponseBelief, ...]
    q: float
    difference: MeanDifference | None
    influence: Share | None
    polarity: tuple[Share, ...] | None
    contrast: Contrast | None = None


@dataclass(frozen=True, slots=True)
class CitedStep:
    """One step of a path with what it cites."""

    text: str = field(repr=False)
    feature: str = field(repr=False)
    words: str = field(repr=False)
    factor: FactorSummary | None


@dataclass(frozen=True, slots=True)
class ExemplarSummary:
    """One past interaction that an answer rests on."""

    item: str
    query: str = field(repr=False)
    response: str = field(repr=False)
    similarity: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """An answer with its reasons as they were given."""

    response_name: str
    response: str = field(repr=False)
    by_model: bool
    support: Support
    interactions: int
    estimate: Estimate | None
    dropped: Dropped
    contributions: tuple[Contribution, ...]
    """What made the estimate more or less than the base rate, the strongest first."""
    origin: str
    steps: tuple[CitedStep, ...]
    exemplars: tuple[ExemplarSummary, ...]
    drifting: tuple[str, ...]
    model: ModelPart | None = None
    overruled: str | None = field(default=None, repr=False)
    unfused: str | None = None
    proposals: tuple[ProposedResponse, ...] = ()
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """The change of an answer when one thing is taken away."""

    size: float
    estimate: float | None
    expected: float | None
    decision_flips: bool | None
    response: str = field(repr=False)
    flips: bool
    points: float | None


@dataclass(frozen=True, slots=True)
class PastEvidence:
    """The words a factor was seen in, in one past interaction."""

    item: str
    words: str = field(repr=False)
    response: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words a factor was seen in, in the query and in past interactions."""

    query: tuple[str, ...] = field(repr=False)
    past: tuple[PastEvidence, ...]


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """One factor of the query and what became of the answer without it."""

    factor: FactorSummary
    cited: int | None
    effect: Effect
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ExemplarEffect:
    """One exemplar and what became of the answer without it."""

    item: str
    query: str = field(repr=False)
    response: str = field(repr=False)
    similarity: float
    effect: Effect


@dataclass(frozen=True, slots=True)
class Candidate:
    """A `factor` or an `exemplar` that may be taken away."""

    kind: str
    id: str

    @classmethod
    def _read(cls, data: object) -> Candidate:
        kind, content = _tag(data)
        return cls(kind, str(content))


@dataclass(frozen=True, slots=True)
class Untried:
    """A candidate that was not taken away, and why."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The agreement of a path with what the counterfactuals show."""

    cited: int
    tried: int
    first_is_top: bool | None
    tau: float | None
    as_claimed: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An answer's dependence on each factor and exemplar, tested. `in_words` is for people, `str` has all numbers."""

    response_name: str
    response: str = field(repr=False)
    measure: str
    """`estimate` or `response`."""
    factors: tuple[FactorEffect, ...]
    exemplars: tuple[ExemplarEffect, ...]
    untried: tuple[Untried, ...]
    faithfulness: Faithfulness
    budget_reached: str | None
    usage: dict[str, StageUsage]
    in_words: str = field(default="", repr=False)
    text: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.text


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
        kind, content = _tag(data)
        return cls(kind, **content) if isinstance(content, dict) else cls(kind)


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


@dataclass(frozen=True, slots=True)
class NextQuestion:
    """The question of a pool whose answer tells most."""

    place: int
    query: str = field(repr=False)
    expected_bits: float
    of_others: float
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A past interaction as it is held."""

    id: str
    query: str = field(repr=False)
    options: tuple[str, ...] = field(repr=False)
    response: str = field(repr=False)
    time: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come."""

    stage: str
    done: int
    total: int
