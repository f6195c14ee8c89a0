"""Models that are asked by Python code: functions and objects, sync and async."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

from ._errors import ConfigError


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
    A sync function with more is called on threads. `deadline` is in seconds for each attempt, and has no hold on a sync function that is
    called on the calling thread. With `log` every reply is kept in this file, and none is paid for twice; with `replay` nothing is sent.
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
    inline = not is_async and at_once == 1
    model = full.model or getattr(full.complete, "model", None) or getattr(complete, "__qualname__", type(complete).__qualname__)
    return Settings(
        adapter=Adapter(complete, is_async, at_once),
        model=str(model),
        form=full.form,
        inline=inline,
        at_once=at_once,
        retries=full.retries,
        deadline=None if inline else full.deadline,
        requests_per_minute=full.requests_per_minute,
        tokens_per_minute=full.tokens_per_minute,
        log=None if full.log is None else os.fspath(full.log),
        replay=full.replay,
    )


running_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar("rpm_core_loop", default=None)
"""The caller's own loop while one of the `_async` methods waits; it is free then to run the caller's coroutines."""


class _Loop:
    """An event loop on a thread of its own, begun when it is first needed. A caller's loop that is held by a sync call can then be no dead end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # A thread does not go along with a fork.
            if self._loop is None or self._loop.is_closed() or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="rpm_core", daemon=True).start()
            return self._loop


_own_loop = _Loop()


class Adapter:
    """Calls the host's function with a request, at once or in the background."""

    def __init__(self, complete: Callable[..., Any], is_async: bool, at_once: int) -> None:
        self._complete = complete
        self._is_async = is_async
        self._at_once = at_once
        self._threads: concurrent.futures.ThreadPoolExecutor | None = None

    def call(self, asked: dict[str, Any]) -> Any:
        """The reply of a sync function."""
        reply = self._complete(_request(asked))
        # A function that says nothing of it may still give an awaitable.
        if inspect.isawaitable(reply):
            return _submit(_awaited(reply)).result()
        return reply

    def begin(self, asked: dict[str, Any]) -> concurrent.futures.Future[Any]:
        """The reply to come."""
        if self._is_async:
            return _submit(self._complete(_request(asked)))
        if self._threads is None:
            self._threads = concurrent.futures.ThreadPoolExecutor(self._at_once, thread_name_prefix="rpm_core")
        return self._threads.submit(self.call, asked)


def _request(asked: dict[str, Any]) -> CompletionRequest:
    messages = tuple(Message(role, content) for role, content in asked.pop("messages"))
    return CompletionRequest(messages=messages, **asked)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _submit(coroutine: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
    loop = running_loop.get() or _own_loop.get()
    try:
        if asyncio.get_running_loop() is loop:
            # A loop that a plain call holds up on this very thread cannot run anything meanwhile.
            loop = _own_loop.get()
    except RuntimeError:
        pass
    return asyncio.run_coroutine_threadsafe(coroutine, loop)
