"""Methods compared on a frame and on a data set of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest

import rpm_core as rpm
from conftest import COLUMNS, DATA
from model import SyncModel


@pytest.fixture
def frame(raters: Path) -> pandas.DataFrame:
    return pandas.read_csv(raters)


def test_scores_have_intervals_and_differences_an_adjusted_p(task: rpm.Task, frame: pandas.DataFrame) -> None:
    found = rpm.evaluate(frame, task, columns=COLUMNS, bases=["majority"])
    table = found.to_frame().set_index(["method", "metric"])
    assert table.loc[("offline", "MAE"), "low"] < table.loc[("offline", "MAE"), "value"] < table.loc[("offline", "MAE"), "high"]
    assert set(table.index.get_level_values("method")) == {"majority", "knn", "offline"}
    for metric, value in found.metrics("offline").items():
        assert value is None or value == pytest.approx(table.loc[("offline", metric), "value"], abs=1e-12)
    difference = next(it for it in found.comparisons if (it.method, it.metric) == ("offline", "MAE"))
    assert difference.base == "majority" and difference.adjusted_p is not None and difference.difference.interval
    assert "</html>" in found.to_html() and found._repr_html_().startswith('<iframe sandbox=""')
    assert "| offline" in found.to_markdown() and found.report["sets"][0]["users"] == 8 and not found.stopped


def test_every_answer_leads_back_to_its_row_and_the_latest_are_asked(task: rpm.Task, frame: pandas.DataFrame) -> None:
    found = rpm.evaluate(frame, task, columns=COLUMNS, methods=["majority"], tests=5)
    records = found.records()
    assert len(records) == 40
    for it in records:
        row = frame.iloc[int(it["item"])]
        assert (row["user"], str(row["rating"])) == (it["user"], it["gold"])
        assert (frame[frame["user"] == it["user"]]["date"] > row["date"]).sum() < 5
    assert "ada" not in found.to_html()


def test_the_same_frame_gives_the_same_report_to_the_byte_from_pandas_and_polars(task: rpm.Task, frame: pandas.DataFrame, raters: Path) -> None:
    one, other = (rpm.evaluate(it, task, columns=COLUMNS) for it in (frame, polars.read_csv(raters)))
    assert one.to_html() == other.to_html()
    untimed = {"query": "review", "response": "rating"}
    drawn = [rpm.evaluate(frame, task, columns=untimed, methods=["median"], seed=seed).to_markdown() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_frame_may_say_itself_which_rows_are_asked(task: rpm.Task, frame: pandas.DataFrame) -> None:
    frame["test"] = frame.groupby("user").cumcount() == 0
    found = rpm.evaluate(frame, task, columns=COLUMNS, methods=["median"])
    assert {int(it["item"]) for it in found.records()} == set(frame.index[frame["test"]])
    unasked = frame.assign(test=frame["test"] & (frame["user"] != "ada"))
    left_out = rpm.evaluate(unasked, task, columns=COLUMNS, methods=["median"])
    first = int(frame.index[frame["user"] == "ada"][0])
    [skipped] = left_out.report["sets"][0]["skipped"]
    assert skipped["row"] == f"row {first}" and "ada" not in left_out.to_html() + left_out.to_markdown()
    lone = frame[frame["test"]]
    with pytest.raises(rpm.EvaluationError, match="no user has a row to learn from"):
        rpm.evaluate(lone, task, columns=COLUMNS)


def test_a_method_of_ones_own_is_compared_with_the_others_and_may_fail(task: rpm.Task, frame: pandas.DataFrame) -> None:
    def latest(history: list[dict[str, Any]]) -> Any:
        last = history[-1]["response"]
        return lambda query, options: last

    def broken(history: list[dict[str, Any]]) -> Any:
        return lambda query, options: None if "night" in query else 1 / 0

    found = rpm.evaluate(frame, task, columns=COLUMNS, methods={"majority": None, "latest": latest, "broken": broken})
    scores = {(it.method, it.metric): it for it in found.scores}
    assert scores["latest", "accuracy"].answered == 72 and scores["broken", "accuracy"].answered == 0
    assert any(it["error"] for it in found.records() if it["method"] == "broken")

    def pressed(history: list[dict[str, Any]]) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rpm.evaluate(frame, task, columns=COLUMNS, methods={"pressed": pressed})


def test_a_data_set_of_files_is_read_as_the_command_reads_it(tmp_path: Path) -> None:
    found = rpm.evaluate(DATA / "raters", methods=["majority", "offline"], users=3, folder=tmp_path / "run")
    assert found.report["sets"][0]["users"] == 3
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").read_text().splitlines()]
    answered = [it for it in records if it["kind"] == "answered"]
    assert [(it["method"], it["raw"]) for it in answered] == [(it["method"], it["raw"]) for it in found.records()]
    with pytest.raises(rpm.EvaluationError, match="holds a run already"):
        rpm.evaluate(DATA / "raters", methods=["majority", "offline"], users=3, folder=tmp_path / "run")
    again = rpm.evaluate(DATA / "raters", methods=["majority", "offline"], users=3, folder=tmp_path / "run", resume=True)
    found.write(tmp_path / "report")
    assert (tmp_path / "report" / "report.html").read_text() == found.to_html() == again.to_html()


def test_a_model_of_ones_own_is_asked_by_the_methods_that_ask_one(task: rpm.Task, frame: pandas.DataFrame) -> None:
    model = SyncModel()
    found = rpm.evaluate(frame, task, columns=COLUMNS, methods=["zero-shot"], backend=model, tests=2, users=2)
    assert len(model.requests) == 4 and {it["response"] for it in found.records()} == {"5"}
    alone = rpm.evaluate(frame, task, columns=COLUMNS, methods=["zero-shot"], tests=2, users=2)
    assert all(it["error"] for it in alone.records())


def test_a_temperature_is_told_as_its_decimal(task: rpm.Task, frame: pandas.DataFrame) -> None:
    model = SyncModel()
    rpm.evaluate(frame, task, columns=COLUMNS, methods=["self-consistency"], backend=model, tests=1, users=1)
    assert {request.temperature for request in model.requests} == {0.7}


def test_what_cannot_be_compared_is_told(task: rpm.Task, frame: pandas.DataFrame, tmp_path: Path) -> None:
    assert {"offline", "knn", "rpm"} <= set(rpm.method_names())
    with pytest.raises(rpm.EvaluationError, match="method telepathy"):
        rpm.evaluate(frame, task, columns=COLUMNS, methods=["telepathy"])
    with pytest.raises(rpm.ConfigError, match="named twice"):
        rpm.evaluate(frame, task, columns=COLUMNS, methods=["knn", "knn"])
    with pytest.raises(rpm.ConfigError, match="with its task"):
        rpm.evaluate(frame)
    with pytest.raises(rpm.ConfigError, match="its own task"):
        rpm.evaluate(DATA / "raters", task)
    with pytest.raises(rpm.EvaluationError, match="cannot be read or written"):
        rpm.evaluate(tmp_path / "nothing")


def test_progress_is_told_while_methods_run(task: rpm.Task, frame: pandas.DataFrame) -> None:
    seen: list[rpm.Progress] = []
    rpm.evaluate(frame, task, columns=COLUMNS, methods=["majority", "median"], progress=seen.append)
    assert (seen[-1].done, seen[-1].total) == (16, 16)
