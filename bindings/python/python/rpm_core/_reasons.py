"""Why an answer came out as it did: reasons as they were given, and what if one of them had been missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._reports import Dropped, StageUsage, tag


@dataclass(frozen=True, slots=True)
class Interval:
    """A range of 95 %, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Source:
    """What moved an estimate: `factor`, `similar`, `tone`, `options`, `others` or `model`."""

    kind: str
    factor: str | None = None

    @classmethod
    def _read(cls, data: object) -> Source:
        kind, content = tag(data)
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
        kind, content = tag(data)
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
