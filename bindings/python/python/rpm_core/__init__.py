"""Reasoning-level personalization of black-box LLMs: learns from a user's past queries and responses what in a query sways that user,
which way and how surely, and answers a new query the way that user would, with the reasons.

    import rpm_core as rpm

    task = rpm.Task("How would this person rate the film?", rpm.ResponseSpace.scale(1, 5))
    films = rpm.Personalizer(task)
    films.learn(frame)                      # columns user, query, response
    print(films.answer("ana", "A quiet film about a lighthouse."))
"""

from ._backend import Backend, Completion, CompletionRequest, LlmBackend, Message
from ._errors import (
    BackendError,
    BudgetError,
    CatalogError,
    ConfigError,
    DataError,
    Error,
    EvaluationError,
    InternalError,
    OperationError,
    PermanentError,
    PopulationError,
    PromptTooLongError,
    StoreError,
    TransientError,
    UnknownFactorError,
    UnknownUserError,
    UnsupportedError,
)
from ._evaluate import Comparison, Evaluation, Measured, Score, evaluate, method_names
from ._frame import Columns
from ._native import ResponseSpace, Task
from ._personalizer import Budget, Personalizer, Query, Told
from ._population import Catalog, Population
from ._types import (
    FrameReport,
    Interval,
    LearnReport,
    NextQuestion,
    ObserveReport,
    Profile,
    Progress,
    Reasons,
    Receipt,
    Recorded,
    UserOutcome,
    WhatIf,
)

__all__ = [
    "Backend",
    "BackendError",
    "Budget",
    "BudgetError",
    "Catalog",
    "CatalogError",
    "Columns",
    "Comparison",
    "Completion",
    "CompletionRequest",
    "ConfigError",
    "DataError",
    "Error",
    "Evaluation",
    "EvaluationError",
    "FrameReport",
    "InternalError",
    "Interval",
    "LearnReport",
    "LlmBackend",
    "Measured",
    "Message",
    "NextQuestion",
    "ObserveReport",
    "OperationError",
    "PermanentError",
    "Personalizer",
    "Population",
    "PopulationError",
    "Profile",
    "Progress",
    "PromptTooLongError",
    "Query",
    "Reasons",
    "Receipt",
    "Recorded",
    "ResponseSpace",
    "Score",
    "StoreError",
    "Task",
    "Told",
    "TransientError",
    "UnknownFactorError",
    "UnknownUserError",
    "UnsupportedError",
    "UserOutcome",
    "WhatIf",
    "evaluate",
    "method_names",
]
