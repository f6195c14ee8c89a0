"""Models that are asked by Python code: functions and objects, sync and async, and what becomes of what they raise."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rpm_core as rpm
from model import AsyncModel, SyncModel, reply_to

QUERY = "A quiet film about a lighthouse."


def frugal(task: rpm.Task, backend: Any, rows: list[dict[str, object]], **more: Any) -> rpm.Personalizer:
    """One request for an answer, and none to learn."""
    films = rpm.Personalizer(task, backend, preset="frugal", **more)
    films.learn(rows)
    return films


def test_a_function_an_object_and_their_async_forms_give_the_same_answer(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def later(request: rpm.CompletionRequest) -> str:
        await asyncio.sleep(0)
        return reply_to(request)

    backends: list[Any] = [
        reply_to,
        later,
        lambda request: later(request),
        lambda request: rpm.Completion(reply_to(request)),
        AsyncModel(),
        SyncModel(),
        rpm.Backend(SyncModel(), at_once=3),
        rpm.Backend(later, model="m", form="json"),
    ]
    told = [frugal(task, backend, rows).answer("ana", QUERY).reasons for backend in backends]
    assert all(it == told[0] for it in told) and told[0].model is not None


def test_a_request_says_all_that_shapes_the_reply(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    model = AsyncModel()
    told = frugal(task, model, rows, budget=rpm.Budget(calls=5, time=60.0)).answer("ana", QUERY)
    [request] = model.requests
    assert request.stage == "answer" and request.schema and request.schema_name and request.form == "schema"
    assert request.messages[0].role == "system" and QUERY in request.messages[-1].content
    assert request.openai_messages()[-1] == {"role": "user", "content": request.messages[-1].content}
    assert request.temperature == 0.0 and request.seed is None and request.time_left and request.time_left <= 60.0
    assert "query" in request.about
    assert "lighthouse" not in repr(request)
    used = told.usage["answer"]
    assert (used.calls, used.input_tokens, used.output_tokens) == (1, 10, 5)


def test_a_model_learns_by_the_paper_and_many_requests_are_under_way_at_once(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    for backend, thread in (
        (AsyncModel(0.01), "rpm_core"),
        (rpm.Backend(SyncModel(0.01), at_once=4), "rpm_core_"),
        (SyncModel(), threading.current_thread().name),
    ):
        films = rpm.Personalizer(task, backend)
        report = films.learn(rows).users[0].report
        assert report and report.usage["extract"].calls == 12
        model: Any = backend.complete if isinstance(backend, rpm.Backend) else backend
        assert all(name.startswith(thread) for name in model.threads)
        most = 1 if model.pause == 0 else 4 if isinstance(backend, rpm.Backend) else 8
        assert min(2, most) <= model.most_under_way <= most
        assert films.answer("ana", QUERY).response == "5"


def test_users_are_learned_side_by_side_where_it_is_asked_for(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    frame = [{**row, "user": f"u{n}"} for n in range(4) for row in rows[:1]]
    model = AsyncModel(0.05)
    rpm.Personalizer(task, model).learn(frame, at_once=4)
    assert 2 <= model.most_under_way <= 4


@pytest.mark.parametrize(
    ("make", "transient", "calls"),
    [
        (lambda: rpm.TransientError("secret", retry_after=0.0), True, 3),
        (lambda: rpm.PermanentError("secret"), False, 1),
        (lambda: rpm.PromptTooLongError("secret"), False, 1),
        (lambda: ValueError("secret"), False, 1),
        (lambda: KeyError("secret"), False, 1),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_backend_raises_is_the_cause_and_its_kind_decides_whether_it_is_asked_again(
    task: rpm.Task, rows: list[dict[str, object]], make: Callable[[], Exception], transient: bool, calls: int, is_async: bool
) -> None:
    raised: list[Exception] = []

    def fail(request: rpm.CompletionRequest) -> str:
        raised.append(make())
        raise raised[-1]

    async def fail_later(request: rpm.CompletionRequest) -> str:
        return fail(request)

    films = frugal(task, rpm.Backend(fail_later if is_async else fail, retries=2), rows)
    with pytest.raises(rpm.OperationError) as error:
        films.answer("ana", QUERY)
    assert len(raised) == calls
    assert error.value.__cause__ is raised[-1]
    assert error.value.is_transient == transient and error.value.stage == "answer"
    assert type(raised[-1]).__name__ in str(error.value) and "secret" not in str(error.value)


def test_a_failure_that_passes_is_got_over(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    failures = [rpm.TransientError(retry_after=0.01), rpm.UnsupportedError()]

    def flaky(request: rpm.CompletionRequest) -> str:
        if failures:
            raise failures.pop(0)
        return reply_to(request)

    told = frugal(task, flaky, rows).answer("ana", QUERY)
    used = told.usage["answer"]
    assert (used.calls, used.retries, used.stepped_down) == (3, 1, 1)


def test_a_reply_that_is_none_is_an_error_of_the_backend(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    for reply in (None, 4, b"4"):
        with pytest.raises(rpm.OperationError) as error:
            frugal(task, lambda request, reply=reply: reply, rows).answer("ana", QUERY)
        assert isinstance(error.value.__cause__, (AttributeError, TypeError))
    with pytest.raises(rpm.OperationError):
        frugal(task, lambda request: "no JSON", rows).answer("ana", QUERY)
    with pytest.raises(rpm.ConfigError, match="a backend is a function"):
        rpm.Personalizer(task, 5)  # type: ignore[arg-type]
    for setting, message in (
        ({"form": "prose"}, "form is"),
        ({"at_once": 0}, "at_once is 1"),
        ({"deadline": -1.0}, "number of seconds"),
        ({"deadline": float("nan")}, "number of seconds"),
        ({"replay": True}, "replay takes replies from a log"),
    ):
        with pytest.raises(rpm.ConfigError, match=message):
            rpm.Personalizer(task, rpm.Backend(reply_to, **setting))


def test_users_who_fail_are_reported_and_the_others_are_learned(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    def picky(request: rpm.CompletionRequest) -> str:
        if any("Loud" in message.content for message in request.messages) and request.stage == "extract":
            raise rpm.PermanentError
        return reply_to(request)

    frame = [{**row, "user": str(row["query"]).split()[0]} for row in rows]
    films = rpm.Personalizer(task, picky)
    report = films.learn(frame, errors="report")
    assert list(report.errors) == ["Loud"] and films.users() == ["Quiet"]
    assert isinstance(report.errors["Loud"], rpm.OperationError)
    with pytest.raises(rpm.OperationError):
        films.learn(frame)


def test_a_deadline_ends_an_attempt_and_cancels_the_coroutine(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    cancelled = threading.Event()

    async def slow(request: rpm.CompletionRequest) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return ""

    films = frugal(task, rpm.Backend(slow, deadline=0.05, retries=0), rows)
    with pytest.raises(rpm.OperationError) as error:
        films.answer("ana", QUERY)
    assert error.value.is_transient and cancelled.wait(5)


def test_a_sync_model_on_threads_is_not_asked_again_while_it_is_at_work(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    model = SyncModel(0.3)
    films = frugal(task, rpm.Backend(model, at_once=2, deadline=0.05), rows)
    assert films.answer("ana", QUERY).response == "5" and len(model.requests) == 1


def test_a_log_asks_for_the_models_name_since_two_functions_may_have_one(task: rpm.Task, rows: list[dict[str, object]], tmp_path: Path) -> None:
    def saying(response: str) -> Callable[[rpm.CompletionRequest], str]:
        return lambda request: reply_to(request).replace('"5"', f'"{response}"')

    log = tmp_path / "replies.log"
    with pytest.raises(rpm.ConfigError, match="by the name of their model"):
        rpm.Personalizer(task, rpm.Backend(saying("5"), log=log))
    assert not log.exists()
    told = [frugal(task, rpm.Backend(saying(it), it, log=log), rows).answer("ana", QUERY).usage["answer"] for it in ("5", "2", "2")]
    assert [(it.calls, it.reused) for it in told] == [(1, 0), (1, 0), (0, 1)]


def test_a_reply_in_the_log_is_not_paid_for_again(task: rpm.Task, rows: list[dict[str, object]], tmp_path: Path) -> None:
    model, log = SyncModel(), tmp_path / "replies.log"
    first = frugal(task, rpm.Backend(model, log=log), rows).answer("ana", QUERY)
    second = frugal(task, rpm.Backend(model, log=log), rows).answer("ana", QUERY)
    assert len(model.requests) == 1 and first.reasons == second.reasons
    assert (second.usage["answer"].calls, second.usage["answer"].reused) == (0, 1)
    replayed = frugal(task, rpm.Backend(SyncModel(), log=log, replay=True), rows)
    with pytest.raises(rpm.OperationError, match="the log has no reply"):
        replayed.answer("ana", "A film that nobody asked about.")


def test_a_budget_is_kept_to(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    model = SyncModel()
    films = rpm.Personalizer(task, model, budget=rpm.Budget(calls=5))
    report = films.learn(rows).users[0].report
    assert report and report.budget_reached == "calls" and len(model.requests) == 5
    with pytest.raises(rpm.BudgetError):
        rpm.Personalizer(task, model, budget=rpm.Budget(calls=0)).learn(rows)
    with pytest.raises(rpm.ConfigError):
        rpm.Personalizer(task, model, budget=rpm.Budget(time=-1.0))


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
        assert asyncio.run(other.answer_async("ana", QUERY)).response == "5"  # type: ignore[arg-type]

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


def test_cancelling_an_awaited_call_stops_the_backend(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def model(request: rpm.CompletionRequest) -> str:
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
            return ""

        films = rpm.Personalizer(task, model, preset="frugal")
        await films.learn_async(rows)
        waiting = asyncio.ensure_future(films.answer_async("ana", QUERY))
        await begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(main())


@pytest.fixture
def keys() -> Iterator[None]:
    """Python's own handler, which it does not install where a key press was to be ignored when it began, as in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _press(after: float) -> threading.Timer:
    timer = threading.Timer(after, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.usefixtures("keys")
@pytest.mark.skipif(os.name != "posix", reason="the key is pressed by a signal")
def test_control_c_stops_a_wait_for_an_async_model(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    cancelled = threading.Event()

    async def never(request: rpm.CompletionRequest) -> str:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()
        return ""

    films = frugal(task, never, rows)
    began = time.monotonic()
    _press(0.2)
    with pytest.raises(KeyboardInterrupt):
        films.answer("ana", QUERY)
    assert time.monotonic() - began < 5 and cancelled.wait(5)


@pytest.mark.usefixtures("keys")
@pytest.mark.skipif(os.name != "posix", reason="the key is pressed by a signal")
def test_control_c_in_a_sync_model_is_no_failure_of_the_model(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    def slow(request: rpm.CompletionRequest) -> str:
        time.sleep(60)
        return ""

    films = frugal(task, slow, rows)
    _press(0.2)
    with pytest.raises(KeyboardInterrupt):
        films.answer("ana", QUERY)


def test_a_model_that_is_stopped_is_asked_nothing_more(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    asked: list[str] = []

    def model(request: rpm.CompletionRequest) -> str:
        asked.append(request.stage)
        raise KeyboardInterrupt

    for backend in (model, rpm.Backend(model, at_once=2)):
        asked.clear()
        with pytest.raises(KeyboardInterrupt):
            rpm.Personalizer(task, backend).learn(rows)
        assert len(asked) <= (1 if backend is model else 2)


@pytest.mark.usefixtures("keys")
@pytest.mark.skipif(os.name != "posix", reason="the key is pressed by a signal")
def test_control_c_stops_learning_without_a_model_and_what_was_learned_stays(task: rpm.Task) -> None:
    frame = [{"user": f"u{n % 2_000}", "query": f"A quiet film number {n} about boat {n % 97}", "response": 1 + n % 5} for n in range(40_000)]
    films = rpm.Personalizer(task)
    began = time.monotonic()

    def begun(progress: rpm.Progress) -> None:
        if progress.done == 1:
            _press(0.1)

    with pytest.raises(KeyboardInterrupt):
        films.learn(frame, progress=begun)
    assert 0 < len(films.users()) < 2_000 and time.monotonic() - began < 30


def test_a_backend_may_use_the_library_itself(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    inner = rpm.Personalizer(task)
    inner.learn(rows)

    def model(request: rpm.CompletionRequest) -> str:
        assert inner.answer("ana", QUERY).response
        return reply_to(request)

    assert frugal(task, model, rows).answer("ana", QUERY).response == "5"


def test_tokens_with_their_probabilities_are_read(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    asked: list[int] = []

    def model(request: rpm.CompletionRequest) -> rpm.Completion:
        asked.append(request.logprobs)
        return rpm.Completion("2", tokens=(("2", (("2", -0.1), ("5", -2.5))),))

    films = rpm.Personalizer(task, model, preset="fused")
    films.learn(rows)
    part = films.answer("ana", QUERY).reasons.model
    assert asked[0] > 0 and part is not None and 0 <= part.alone <= 1
