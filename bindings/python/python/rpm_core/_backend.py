"""Models that are asked by Python code: functions and objects, sync and async."""

from __future__ import annotations

import concurrent.futures
import inspect
import math
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

from ._errors import ConfigError
from ._threads import Reply as Pending, Threads, begin


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str

    def __repr__(self) -> str:
        return f"Message({self.role}, {len(self.content)} characters)"


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One request to a model. Everything that shapes the reply is in it."""

    stage: str
    messages: tuple[Message, ...]
    schema_name: str | None
    schema: dict[str, Any] | None
    """The JSON schema of the wanted reply. It may be ignored: the wording asks for the same."""
    max_tokens: int
    temperature: float
    seed: int | None
    form: Literal["text", "json", "schema"]
    """By what the reply is to be held to its form."""
    logprobs: int
    """The number of likeliest tokens to report for each place of the reply, in `Completion.tokens`; 0 for none. What asks for them does
    without where there are none."""
    about: tuple[str, ...]
    """Ids of the interactions whose text is in the messages. Not to be sent."""
    time_left: float | None
    """Seconds that the operation's budget leaves."""

    def openai_messages(self) -> list[dict[str, str]]:
        """The messages as most clients take them."""
        return [{"role": message.role, "content": message.content} for message in self.messages]


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's reply, where there is more to say of it than its text."""

    text: str
    finish: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    tokens: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()
    """By token of the reply: the token, and the likeliest at its place with the natural logarithms of their probabilities."""

    def __repr__(self) -> str:
        return f"Completion({len(self.text)} characters, {self.finish})"


Reply = str | Completion


@runtime_checkable
class LlmBackend(Protocol):
    """A backend of one's own. A function of the same form, sync or async, is one too."""

    def complete(self, request: CompletionRequest) -> Reply | Awaitable[Reply]: ...


BackendLike = LlmBackend | Callable[[CompletionRequest], Reply | Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend with what is around it: retries after `TransientError`, limits, a log of replies.

    `at_once` is the number of requests in flight: 1 for a sync function, which is then called on the calling thread, and 8 for an async one.
    A sync function with more is called on threads. `deadline` is in seconds for each attempt of an async function; a sync one cannot be
    stopped, and would be paid for again: let its client have a time-out, and raise `TransientError` for it. With `log` every reply is kept
    in this file under the model's name, and none is paid for twice; with `replay` besides nothing is sent.
    """

    complete: BackendLike
    model: str | None = None
    form: Literal["text", "json", "schema"] = "schema"
    at_once: int | None = None
    retries: int = 4
    deadline: float | None = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    log: str | os.PathLike[str] | None = None
    replay: bool = False


class Settings(TypedDict):
    """What the native part takes."""

    adapter: Adapter
    model: str
    form: str
    inline: bool
    at_once: int
    retries: int
    deadline: float | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    log: str | None
    replay: bool


def settings(backend: Backend | BackendLike) -> Settings:
    """The settings of a backend, which may be one by itself."""
    full = backend if isinstance(backend, Backend) else Backend(backend)
    complete = getattr(full.complete, "complete", full.complete)
    if not callable(complete):
        raise ConfigError("a backend is a function of a request, or has a method complete")
    is_async = inspect.iscoroutinefunction(complete) or inspect.iscoroutinefunction(getattr(complete, "__call__", None))
    at_once = full.at_once if full.at_once is not None else 8 if is_async else 1
    if at_once < 1:
        raise ConfigError("at_once is 1 or more")
    if full.deadline is not None and not (math.isfinite(full.deadline) and full.deadline >= 0):
        raise ConfigError("a deadline is a number of seconds, from 0 on")
    model = full.model or getattr(full.complete, "model", None)
    if full.replay and full.log is None:
        raise ConfigError("replay takes replies from a log: name its file, log=..")
    if full.log is not None and not model:
        # Two functions may have one name, and one would be given the other's replies.
        raise ConfigError("a log keeps replies by the name of their model: give it, model=..")
    return Settings(
        adapter=Adapter(complete, is_async, at_once),
        model=str(model or getattr(complete, "__qualname__", type(complete).__qualname__)),
        form=full.form,
        inline=not is_async and at_once == 1,
        at_once=at_once,
        retries=full.retries,
        deadline=full.deadline if is_async else None,
        requests_per_minute=full.requests_per_minute,
        tokens_per_minute=full.tokens_per_minute,
        log=None if full.log is None else os.fspath(full.log),
        replay=full.replay,
    )


class Adapter:
    """Calls the host's function with a request, at once or in the background."""

    def __init__(self, complete: Callable[..., Any], is_async: bool, at_once: int) -> None:
        self._complete = complete
        self._is_async = is_async
        self._threads = Threads(at_once, "rpm_core")

    def call(self, asked: dict[str, Any]) -> Any:
        """The reply of a sync function."""
        reply = self._complete(_request(asked))
        # A function that says nothing of it may still give an awaitable.
        if inspect.isawaitable(reply):
            pending = begin(reply)
            try:
                return pending.result()
            except BaseException:
                pending.cancel()
                raise
        return reply

    def begin(self, asked: dict[str, Any]) -> Pending | concurrent.futures.Future[Any]:
        """The reply to come."""
        return begin(self._complete(_request(asked))) if self._is_async else self._threads.begin(self.call, asked)


def _request(asked: dict[str, Any]) -> CompletionRequest:
    messages = tuple(Message(role, content) for role, content in asked.pop("messages"))
    return CompletionRequest(messages=messages, **asked)
