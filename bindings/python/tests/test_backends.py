"""Models that are asked by Python code: functions and objects, sync and async, and what becomes of what they raise."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rpm_core as rpm
from model import QUERY, AsyncModel, SyncModel, frugal, reply_to


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
