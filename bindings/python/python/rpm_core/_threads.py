"""Threads and event loops of the library's own: begun when they are first needed, and begun anew in a process that was forked off."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

_callers_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar("rpm_core_loop", default=None)
"""The caller's own loop while one of the `_async` methods waits; it is free then to run the caller's coroutines."""
_held: contextvars.ContextVar[frozenset[asyncio.AbstractEventLoop]] = contextvars.ContextVar("rpm_core_held", default=frozenset())
"""The loops that plain calls hold up until what runs in this context is done."""


def context_of_waiting(loop: asyncio.AbstractEventLoop) -> contextvars.Context:
    """The context of a call that is awaited on a loop, which stays free."""
    context = contextvars.copy_context()
    context.run(_callers_loop.set, loop)
    context.run(_held.set, _held.get() - {loop})
    return context


def _context_of_holding() -> contextvars.Context:
    """The context of what a plain call on this thread waits for: the loop that runs here, if any, runs nothing meanwhile."""
    context = contextvars.copy_context()
    try:
        context.run(_held.set, _held.get() | {asyncio.get_running_loop()})
    except RuntimeError:
        pass
    return context


class Threads:
    """At most so many threads."""

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self.pool: concurrent.futures.ThreadPoolExecutor | None = None
        _all.add(self)

    def get(self) -> concurrent.futures.ThreadPoolExecutor:
        """The threads, to be given work by."""
        with _lock:
            if self.pool is None:
                self.pool = concurrent.futures.ThreadPoolExecutor(self._most, thread_name_prefix=self._name)
            return self.pool

    def begin(self, call: Callable[..., Any], *given: object) -> concurrent.futures.Future[Any]:
        """Calls on one of them, in the caller's context."""
        return self.get().submit(_context_of_holding().run, call, *given)


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ended = False
        threading.Thread(target=self._run, name="rpm_core", daemon=True).start()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            # The host's code may stop it, or leave it by `SystemExit`. Who waits for something here is told.
            with _lock:
                self.ended = True
            self.loop.run_until_complete(_cancelled())
            self.loop.close()


async def _cancelled() -> None:
    await asyncio.sleep(0)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_lock = threading.Lock()
_loops: list[_Loop] = []
_all: weakref.WeakSet[Threads] = weakref.WeakSet()


def _renew() -> None:
    """Threads do not go along with a fork, and a lock that one of them held is held for good."""
    global _lock
    _lock = threading.Lock()
    _loops.clear()
    for threads in list(_all):
        threads.pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class Reply:
    """What an awaitable gives, once it is done."""

    def __init__(self, future: concurrent.futures.Future[Any]) -> None:
        self._future = future

    def add_done_callback(self, call: Callable[[Any], object]) -> None:
        self._future.add_done_callback(call)

    def cancel(self) -> bool:
        return self._future.cancel()

    def result(self) -> Any:
        given = self._future.result()
        if isinstance(given, _Wish):
            raise given.exception
        return given


class _Wish:
    """A wish to stop. A task that raised it itself would end its loop, and with it what else runs there."""

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (KeyboardInterrupt, SystemExit) as wish:
        return _Wish(wish)


def begin(awaitable: Awaitable[Any]) -> Reply:
    """Runs an awaitable on the caller's loop where that is free, else on one of the library's own that no call holds up."""
    context, work = _context_of_holding(), _awaited(awaitable)
    held, loop = context[_held] if _held in context else frozenset(), _callers_loop.get()
    if loop is not None and loop not in held and loop.is_running():
        return Reply(context.run(asyncio.run_coroutine_threadsafe, work, loop))
    with _lock:
        _loops[:] = [own for own in _loops if not own.ended]
        own = next((own for own in _loops if own.loop not in held), None)
        if own is None:
            own = _Loop()
            _loops.append(own)
        return Reply(context.run(asyncio.run_coroutine_threadsafe, work, own.loop))
