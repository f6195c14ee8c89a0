"""What the library gives back: frozen dataclasses with the names of the Rust types and fields.

Their `repr` shows ids and numbers, and no text of a user: fields that may hold one say `repr=False`. They are plain Python and not classes of the
native part, so that they pickle, compare and match, and a type checker sees every field.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ._profile import (
    Example as Example,
    Mean as Mean,
    MorePoints as MorePoints,
    Nothing as Nothing,
    OtherShare as OtherShare,
    PointsEffect as PointsEffect,
    Profile as Profile,
    ShareEffect as ShareEffect,
    Shares as Shares,
    Sway as Sway,
    TakenUpEffect as TakenUpEffect,
)
from ._reasons import (
    Candidate as Candidate,
    CitedStep as CitedStep,
    Contrast as Contrast,
    ContrastedResponse as ContrastedResponse,
    Contribution as Contribution,
    Effect as Effect,
    Estimate as Estimate,
    Evidence as Evidence,
    ExemplarEffect as ExemplarEffect,
    ExemplarSummary as ExemplarSummary,
    FactorEffect as FactorEffect,
    FactorSummary as FactorSummary,
    Faithfulness as Faithfulness,
    Interval as Interval,
    MeanDifference as MeanDifference,
    ModelPart as ModelPart,
    Part as Part,
    PastEvidence as PastEvidence,
    People as People,
    ProposedResponse as ProposedResponse,
    Reasons as Reasons,
    ResponseBelief as ResponseBelief,
    ResponseProbability as ResponseProbability,
    SetAside as SetAside,
    Share as Share,
    Source as Source,
    Support as Support,
    Untried as Untried,
    WhatIf as WhatIf,
)
from ._reports import (
    Dropped as Dropped,
    FrameReport as FrameReport,
    ItemReport as ItemReport,
    LearnReport as LearnReport,
    ObserveReport as ObserveReport,
    Outcome as Outcome,
    Place as Place,
    PlaceState as PlaceState,
    Probe as Probe,
    Receipt as Receipt,
    StageUsage as StageUsage,
    UserOutcome as UserOutcome,
)


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
