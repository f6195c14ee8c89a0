"""The interpreter is free while the library works."""

from __future__ import annotations

import threading
import time

import rpm_core as rpm


def test_another_thread_runs_while_a_frame_is_learned(task: rpm.Task) -> None:
    frame = [{"user": f"u{n % 200}", "query": f"A quiet film number {n} about boat {n % 97}", "response": 1 + n % 5} for n in range(4_000)]
    films, done = rpm.Personalizer(task), threading.Event()
    ticks: list[float] = []

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    films.learn(frame)
    done.set()
    thread.join()
    # Held throughout, it would have been one tick or two.
    assert len(ticks) > 20


def test_one_personalizer_serves_many_threads(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    films = rpm.Personalizer(task)
    films.learn(rows)
    expected = films.answer("ana", "A quiet film").reasons
    found: list[rpm.Reasons] = []

    def work(n: int) -> None:
        films.record(f"u{n}", "A quiet film", 5)
        found.extend(films.answer("ana", "A quiet film").reasons for _ in range(20))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80 and all(it == expected for it in found)
    assert films.users() == ["ana", "u0", "u1", "u2", "u3"]
