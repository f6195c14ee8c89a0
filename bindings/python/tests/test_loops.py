"""Calls within calls, on the caller's loop and on the library's own: no dead end, whatever stops, ends or forks."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

import rpm_core as rpm
from model import QUERY, AsyncModel, SyncModel, frugal, reply_to


def test_a_sync_call_in_a_running_loop_is_no_dead_end(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def cell() -> str:
        # As a notebook does: the loop runs, and the cell calls a function that blocks.
        return frugal(task, AsyncModel(0.01), rows).answer("ana", QUERY).response

    assert asyncio.run(asyncio.wait_for(cell(), 20)) == "5"


def test_an_awaited_call_runs_the_backend_on_the_callers_own_loop(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def main() -> None:
        loop, seen, counting = asyncio.get_running_loop(), set(), AsyncModel(0.05)

        async def model(request: rpm.CompletionRequest) -> rpm.Completion:
            seen.add(asyncio.get_running_loop())
            return await counting.complete(request)

        films = rpm.Personalizer(task, model, preset="frugal")
        await films.learn_async(rows)
        told = await asyncio.gather(*(films.answer_async("ana", f"{QUERY} {n}") for n in range(6)))
        assert {it.response for it in told} == {"5"}
        assert seen == {loop} and counting.most_under_way >= 2
        assert (await films.record_async("bea", "A quiet storm", 2)) and "bea" in films.users()
        assert (await films.observe_async([{"user": "bea", "query": "A loud storm", "response": 1}])).interactions == 1
        assert (await films.explain_async(told[0], counterfactuals=1)).usage["answer"].calls >= 1
        await films.learn_again_async("ana")

    asyncio.run(main())


def test_many_awaited_calls_leave_asyncios_own_threads_to_the_model(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def main() -> None:
        async def model(request: rpm.CompletionRequest) -> str:
            return await asyncio.to_thread(reply_to, request)

        films = rpm.Personalizer(task, rpm.Backend(model, at_once=40), preset="frugal")
        await films.learn_async(rows)
        told = await asyncio.wait_for(asyncio.gather(*(films.answer_async("ana", f"{QUERY} {n}") for n in range(40))), 30)
        assert {it.response for it in told} == {"5"}

    asyncio.run(main())


def test_a_plain_call_within_an_async_model_of_an_awaited_call_is_no_dead_end(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    inner = frugal(task, AsyncModel(0.01), rows)

    async def model(request: rpm.CompletionRequest) -> str:
        assert inner.answer("ana", QUERY).response == "5"
        return reply_to(request)

    async def main() -> str:
        films = rpm.Personalizer(task, model, preset="frugal")
        await films.learn_async(rows)
        return (await asyncio.wait_for(films.answer_async("ana", QUERY), 20)).response

    assert asyncio.run(main()) == "5"


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What it gives, if it gives it in time."""
    given: list[Any] = []
    thread = threading.Thread(target=lambda: given.append(call()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "a dead end"
    [only] = given
    return only


@pytest.mark.parametrize("at_once", [None, 2])
def test_plain_calls_within_async_models_of_plain_calls_are_no_dead_end(task: rpm.Task, rows: list[dict[str, object]], at_once: int | None) -> None:
    films = frugal(task, AsyncModel(0.01), rows)
    for _ in range(3):

        def sync(request: rpm.CompletionRequest, inner: rpm.Personalizer = films) -> str:
            assert inner.answer("ana", QUERY).response == "5"
            return reply_to(request)

        async def model(request: rpm.CompletionRequest, sync: Any = frugal(task, rpm.Backend(sync, at_once=at_once), rows)) -> str:
            assert sync.answer("ana", QUERY).response == "5"
            return reply_to(request)

        films = frugal(task, model, rows)
    assert within(20, lambda: films.answer("ana", QUERY).response) == "5"


def test_a_wish_to_stop_in_an_async_model_is_handed_over_and_harms_no_later_call(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def leaves(request: rpm.CompletionRequest) -> str:
        raise SystemExit(3)

    leaving, films = frugal(task, leaves, rows), frugal(task, AsyncModel(), rows)

    def call() -> object:
        with pytest.raises(SystemExit) as raised:
            leaving.answer("ana", QUERY)
        return raised.value.code

    async def main() -> str:
        with pytest.raises(SystemExit):
            await leaving.answer_async("ana", QUERY)
        return (await films.answer_async("ana", QUERY)).response

    assert within(10, call) == 3
    assert within(10, lambda: films.answer("ana", QUERY).response) == "5"
    assert within(10, lambda: asyncio.run(main())) == "5"


def test_a_loop_that_was_ended_is_begun_anew_and_who_waited_is_told(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def ends(request: rpm.CompletionRequest) -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(60)
        return ""

    ending, films = frugal(task, rpm.Backend(ends, retries=0), rows), frugal(task, AsyncModel(), rows)

    def call() -> type[BaseException]:
        with pytest.raises(rpm.OperationError) as raised:
            ending.answer("ana", QUERY)
        return type(raised.value)

    assert within(10, call) is rpm.OperationError
    assert within(10, lambda: films.answer("ana", QUERY).response) == "5"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_process_that_was_forked_off_has_threads_and_loops_of_its_own(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    one, other = frugal(task, rpm.Backend(SyncModel(), at_once=2), rows), frugal(task, AsyncModel(), rows)

    def work() -> None:
        assert one.answer("ana", QUERY).response == "5"
        assert other.answer("ana", QUERY).response == "5"
        assert asyncio.run(other.answer_async("ana", QUERY)).response == "5"

    work()
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(20)
    stuck = child.is_alive()
    child.kill()
    assert not stuck and child.exitcode == 0


def test_a_model_on_threads_sees_the_callers_context(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")
    seen: list[str] = []

    def model(request: rpm.CompletionRequest) -> str:
        seen.append(trace.get())
        return reply_to(request)

    async def later(request: rpm.CompletionRequest) -> str:
        return model(request)

    backends: list[Any] = [model, rpm.Backend(model, at_once=2), later]
    films = [frugal(task, backend, rows) for backend in backends]
    token = trace.set("one")
    for it in films:
        it.answer("ana", QUERY)
    trace.reset(token)
    assert seen == ["one"] * 3
