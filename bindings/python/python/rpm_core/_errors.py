"""Errors. Their messages are the library's own: they name users, items, rows and columns, and hold no text of a user."""

from __future__ import annotations


class Error(Exception):
    """Anything that went wrong in rpm_core."""

    is_transient: bool = False
    """True when trying again later may help."""


class DataError(Error, ValueError):
    """Input that cannot be used. Of a frame it names the first cell that is wrong."""

    row: int | None = None
    """The row's place in the frame, from 0."""
    column: str | None = None
    """The column, by the name that the frame has for it."""


class ConfigError(Error, ValueError):
    """Parts that do not fit together, or a setting that cannot be."""


class UnknownUserError(Error, LookupError):
    """No such user is stored."""


class UnknownFactorError(Error, LookupError):
    """The user has no such factor."""


class OperationError(Error):
    """The operation failed. What a backend raised is the `__cause__`."""

    stage: str | None = None
    """The stage that failed."""


class BudgetError(OperationError):
    """The budget was reached before there was anything to keep."""


class StoreError(Error):
    """A store or a log of replies could not do what was asked."""


class PopulationError(Error, ValueError):
    """A population that cannot be learned or read."""


class CatalogError(Error, ValueError):
    """A catalog that cannot be built or read."""


class EvaluationError(Error):
    """An evaluation that cannot be done."""


class InternalError(Error):
    """A fault of the library. Please report it."""


class BackendError(Error):
    """For a backend of one's own to raise. What else it raises counts as permanent."""


class TransientError(BackendError):
    """The same request may be answered later: a time-out, a lost connection, a rate limit, a status of 429 or 5xx."""

    is_transient = True

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the provider asks to wait."""


class PermanentError(BackendError):
    """The request will never be answered: a bad key, an unknown model, a refusal."""


class PromptTooLongError(PermanentError):
    """The prompt is over the model's context."""


class UnsupportedError(PermanentError):
    """The provider cannot hold a reply to the request's form. It is asked again in a looser one."""
