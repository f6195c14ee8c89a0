"""Frames of every kind, and what is said of a cell that cannot be used."""

from __future__ import annotations

import csv
import datetime
import decimal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
import pytest

import rpm_core as rpm
from rpm_core import _frame
from conftest import COLUMNS


def models(task: rpm.Task, frame: Any, columns: dict[str, str] = COLUMNS) -> list[str]:
    personalizer = rpm.Personalizer(task)
    personalizer.learn(frame, columns=columns)
    return [personalizer.user_model(user) for user in personalizer.users()]


def test_every_kind_of_frame_gives_the_same_user_models_to_the_byte(task: rpm.Task, raters: Path) -> None:
    with raters.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = models(task, rows)
    assert len(expected) == 8
    frame = pandas.read_csv(raters)
    tables: list[Any] = [
        frame,
        frame.astype({"review": "object"}),
        frame.convert_dtypes(dtype_backend="pyarrow"),
        frame.assign(date=pandas.to_datetime(frame["date"])),
        polars.read_csv(raters),
        polars.read_csv(raters, try_parse_dates=True),
        polars.scan_csv(raters),
        polars.read_csv(raters).to_arrow(),
        {name: [row[name] for row in rows] for name in rows[0]},
        (row for row in rows),
    ]
    for table in tables:
        assert models(task, table) == expected, type(table)


def test_a_frame_is_read_without_pyarrow_too(task: rpm.Task, raters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strings = pandas.read_csv(raters).astype({"review": pandas.StringDtype("python"), "user": "category"})
    expected = models(task, polars.read_csv(raters))
    monkeypatch.setattr(_frame, "_has_pyarrow", lambda: False)
    assert models(task, strings) == models(task, polars.read_csv(raters)) == expected


def test_pandas_and_polars_are_read_where_pyarrow_is_not_installed(task: rpm.Task, raters: Path) -> None:
    script = f"""
import sys
sys.modules["pyarrow"] = None
import pandas, polars, rpm_core as rpm
for read in (pandas.read_csv, polars.read_csv):
    films = rpm.Personalizer(rpm.Task.from_json({task.to_json()!r}))
    films.learn(read({str(raters)!r}), columns={COLUMNS!r})
    print(*(films.user_model(user) for user in films.users()), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == 2 * "\n".join(models(task, pandas.read_csv(raters)) + [""]).splitlines()


def test_a_part_of_an_arrow_column_is_that_part(task: rpm.Task, raters: Path) -> None:
    whole = polars.read_csv(raters)
    for frame in (whole[40:90], polars.concat([whole[40:60], whole[60:90]], rechunk=False)):
        assert models(task, frame) == models(task, whole[40:90].to_dicts())
    assert models(task, whole.to_arrow().slice(40, 50)) == models(task, whole[40:90].to_dicts())
    views = whole.to_arrow(compat_level=polars.CompatLevel.newest()).slice(3, 30)
    assert models(task, views) == models(task, whole[3:33].to_dicts())


def test_texts_short_and_long_missing_and_not_ascii_are_read_alike_from_arrow_and_from_objects(task: rpm.Task) -> None:
    texts = ["é", "日本の静かな映画", "exactly 12 b", "thirteen char", "a longer text than any view holds by itself", "x"]
    rows = [{"user": "u", "query": text, "response": 3, "time": n} for n, text in enumerate(texts)]
    assert models(task, polars.DataFrame(rows), {}) == models(task, rows, {})
    frame = polars.DataFrame(rows).with_columns(query=polars.when(polars.col("time") == 4).then(None).otherwise("query"))
    with pytest.raises(rpm.DataError, match="row 4, column query: is missing") as error:
        models(task, frame, {})
    assert (error.value.row, error.value.column) == (4, "query")


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("response", 7, "row 3, column response: the response is not a whole number from 1 to 5"),
        ("response", None, "row 3, column response: is missing"),
        ("response", float("nan"), "row 3, column response: is missing"),
        ("response", 4.5, "row 3, column response: the response is not a whole number from 1 to 5"),
        ("query", " ", "row 3, column query: query text in bytes is blank"),
        ("query", "a\x00b", r"row 3, column query: query text in bytes holds control character U\+0000 at byte 1"),
        ("query", "x" * 70_000, "row 3, column query: query text in bytes is 70000, over the limit"),
        ("query", "\ud800", "row 3, column query: is no text that can be read"),
        ("query", None, "row 3, column query: is missing"),
        ("user", "", "row 3, column user: user id at position 0 is empty"),
        ("user", None, "row 3, column user: is missing"),
        ("time", "soon", "row 3, column time: is no time"),
        ("time", 1.5, "row 3, column time: is no time"),
        ("time", 2**80, "row 3, column time: is no time"),
        ("time", object(), "row 3, column time: is no time"),
    ],
)
def test_the_first_cell_that_is_wrong_is_named_and_nothing_is_learned(
    task: rpm.Task, rows: list[dict[str, object]], column: str, cell: object, message: str
) -> None:
    rows[3][column] = cell
    personalizer = rpm.Personalizer(task)
    with pytest.raises(rpm.DataError, match=message) as error:
        personalizer.learn(rows)
    assert (error.value.row, error.value.column) == (3, column)
    assert personalizer.users() == []
    assert isinstance(error.value, ValueError) and isinstance(error.value, rpm.Error)


def test_a_message_never_quotes_a_text(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    rows[2]["response"] = "rather secret"
    with pytest.raises(rpm.DataError) as error:
        rpm.Personalizer(task).learn(rows)
    assert "secret" not in str(error.value)


def test_a_frame_says_which_column_it_lacks(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    personalizer = rpm.Personalizer(task)
    with pytest.raises(rpm.DataError, match="no column review for the query: columns={'query': ..} names another"):
        personalizer.learn(rows, columns={"query": "review"})
    with pytest.raises(rpm.DataError, match="no column when for the time"):
        personalizer.learn(rows, columns={"time": "when"})
    with pytest.raises(rpm.DataError, match="row 1 is no mapping"):
        personalizer.learn([rows[0], "a row"])
    with pytest.raises(rpm.DataError, match="the frame is none"):
        personalizer.learn("raters.csv")
    with pytest.raises(rpm.DataError, match="different lengths"):
        personalizer.learn({"user": ["a"], "query": ["b", "c"], "response": [1]})


def test_ids_must_differ_within_a_user_and_may_be_alike_between_two(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    numbered = [{**row, "id": n} for n, row in enumerate(rows)]
    others = [{**row, "user": "bea"} for row in numbered]
    personalizer = rpm.Personalizer(task)
    personalizer.learn(numbered + others)
    assert [it.id for it in personalizer.interactions("ana")] == [str(n) for n in range(12)]
    with pytest.raises(rpm.DataError, match="row 5, column id: the id occurs twice for its user"):
        personalizer.learn([*numbered[:5], numbered[0]])


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (lambda: 17, 17),
        (lambda: 17.0, 17),
        (lambda: datetime.date(1970, 1, 2), 86_400),
        (lambda: datetime.datetime(1970, 1, 1, 0, 1), 60),
        (lambda: datetime.datetime(1970, 1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), 0),
        (lambda: "1970-01-01T00:02:00", 120),
        (lambda: pandas.Timestamp("1970-01-01T00:03:00"), 180),
        (lambda: None, None),
        (lambda: pandas.NaT, None),
        (lambda: datetime.datetime(1969, 12, 31, 23, 59, 59, 500_000), -1),
    ],
)
def test_a_time_is_a_number_a_date_or_a_text_of_one(task: rpm.Task, made: Callable[[], object], seconds: int | None) -> None:
    personalizer = rpm.Personalizer(task)
    frame = pandas.DataFrame({"user": ["a"], "query": ["A film"], "response": [3], "time": [made()]})
    personalizer.learn(frame)
    assert personalizer.interactions("a")[0].time == seconds


def test_rows_without_ids_and_times_keep_the_order_of_the_frame(task: rpm.Task) -> None:
    rows = [{"user": "a", "query": f"Film {n}", "response": 3} for n in (3, 1, 2)]
    personalizer = rpm.Personalizer(task)
    personalizer.learn(rows)
    personalizer.record("a", "Film 9", 4)
    personalizer.observe([{"user": "a", "query": "Film 0", "response": 2}])
    assert [it.query for it in personalizer.interactions("a")] == ["Film 3", "Film 1", "Film 2", "Film 9", "Film 0"]


def test_labels_options_and_texts_are_read_as_the_task_says() -> None:
    labels = rpm.Task("Which kind?", rpm.ResponseSpace.labels(["drama", "comedy"]))
    personalizer = rpm.Personalizer(labels)
    personalizer.learn({"user": ["a", "a"], "query": ["A wake", "A wedding"], "response": ["Drama", " comedy"]})
    assert [it.response for it in personalizer.interactions("a")] == ["drama", "comedy"]

    choices = rpm.Task("Which one?", rpm.ResponseSpace.choices())
    rows = [{"user": "a", "query": "Dinner?", "options": ["soup", "bread"], "response": "soup"}]
    personalizer = rpm.Personalizer(choices)
    for frame in (rows, pandas.DataFrame(rows), polars.DataFrame(rows)):
        personalizer.learn(frame)
        assert personalizer.interactions("a")[0].options == ("soup", "bread")
    with pytest.raises(rpm.DataError, match="row 0, column options: is one text"):
        personalizer.learn([{**rows[0], "options": "soup"}])
    with pytest.raises(rpm.DataError, match="row 0, column options: the query: .*this query gives 1"):
        personalizer.learn([{**rows[0], "options": ["soup"]}])
    with pytest.raises(rpm.DataError, match="row 0, column response: the response is not one of the query's options"):
        personalizer.learn([{**rows[0], "response": "rice"}])
    assert personalizer.answer("a", rpm.Query("Lunch?", ("bread", "rice"))).response in ("bread", "rice")

    titles = rpm.Task("Give it a title.", rpm.ResponseSpace.text(80))
    personalizer = rpm.Personalizer(titles)
    text = "We join a parser and a solver. The solver is exact."
    personalizer.learn([{"user": "a", "query": text, "response": "A Parser and a Solver"}] * 3)
    assert personalizer.answer("a", "We join a lexer and a printer.").response


NAT: Any = pandas.NaT


@pytest.mark.parametrize(
    "missing", [None, float("nan"), numpy.float32("nan"), pandas.NA, NAT, numpy.datetime64("NaT"), decimal.Decimal("nan")]
)
@pytest.mark.parametrize("column", ["user", "query", "response", "id"])
def test_what_any_library_calls_missing_is_missing_in_rows_and_in_columns(task: rpm.Task, missing: object, column: str) -> None:
    rows = [{"user": "a", "query": "A film", "response": 3, "id": "1", column: missing}]
    for frame in (rows, {name: [row[name] for row in rows] for name in rows[0]}, pandas.DataFrame(rows, dtype=object)):
        with pytest.raises(rpm.DataError, match=f"row 0, column {column}: is missing"):
            rpm.Personalizer(task).learn(frame)
    personalizer = rpm.Personalizer(task)
    personalizer.learn([{**rows[0], "user": "a", "query": "A film", "response": 3, "id": "1", "time": missing}])
    assert personalizer.interactions("a")[0].time is None
    with pytest.raises(rpm.DataError, match="the response is missing"):
        personalizer.record("a", "A film", missing)


@pytest.mark.parametrize("unit", ["D", "s", "ms", "us", "ns"])
def test_times_of_numpy_are_seconds_whatever_their_unit(task: rpm.Task, unit: str) -> None:
    times = numpy.array(["1970-01-02", "1969-12-31"], dtype=f"datetime64[{unit}]")
    columns: dict[str, Any] = {"user": ["a", "a"], "query": ["A film", "A play"], "response": [3, 4], "time": times}
    personalizer = rpm.Personalizer(task)
    for frame in (columns, [{name: cells[n] for name, cells in columns.items()} for n in (0, 1)]):
        personalizer.learn(frame)
        assert [it.time for it in personalizer.interactions("a")] == [-86_400, 86_400]


def test_scalars_of_numpy_are_what_python_has_for_them(task: rpm.Task) -> None:
    row = {"user": numpy.int64(7), "query": numpy.str_("A film"), "response": numpy.int8(3), "time": numpy.int32(60)}
    personalizer = rpm.Personalizer(task)
    personalizer.learn([row])
    assert personalizer.users() == ["7"] and personalizer.interactions("7")[0].time == 60
    personalizer.record("7", "A play", numpy.float32(4.0))
    assert {it.response for it in personalizer.interactions("7")} == {"3", "4"}
    asked = [{**row, "query": f"Film {n}", "test": numpy.bool_(n == 2)} for n in range(4)]
    assert [it["item"] for it in rpm.evaluate(asked, task, methods=["majority"]).records()] == ["2"]
    own = {"mean": lambda history: lambda query, options: numpy.float64(3.0)}
    assert [it["response"] for it in rpm.evaluate(asked, task, methods=own).records()] == ["3"]


def test_a_gap_in_a_column_of_whole_numbers_makes_no_other_users_ids_and_labels() -> None:
    numbers = rpm.Task("Which one?", rpm.ResponseSpace.choices())
    gap: Any = {"user": [7, 7], "id": [1, 2], "query": ["A", "B"], "response": [1, 2], "options": [[1.0, 2], (1, numpy.float32(2))]}
    with_gap = pandas.DataFrame({**gap, "time": [5, None]}).astype({"user": float, "id": float, "response": float})
    for frame in (with_gap, polars.from_pandas(with_gap.drop(columns="options")).with_columns(options=[1.0, 2.0]), with_gap.to_dict("records")):
        personalizer = rpm.Personalizer(numbers)
        personalizer.learn(frame)
        assert personalizer.users() == ["7"]
        found = {it.id: (it.options, it.response, it.time) for it in personalizer.interactions("7")}
        assert found == {"1": (("1", "2"), "1", 5), "2": (("1", "2"), "2", None)}
    with pytest.raises(rpm.DataError, match="row 0, column options: holds an option that is missing"):
        personalizer.learn([{"user": 7, "query": "A", "response": 1, "options": [1, None, 2]}])


def test_columns_that_are_called_by_numbers_are_found(task: rpm.Task) -> None:
    rows = [{0: "a", 1: "A film", 2: 3}]
    for frame in (pandas.DataFrame(rows), rows, {0: ["a"], 1: ["A film"], 2: [3]}):
        for names in ({"user": "0", "query": "1", "response": "2"}, {"user": 0, "query": 1, "response": 2}):
            personalizer = rpm.Personalizer(task)
            personalizer.learn(frame, columns=names)  # type: ignore[arg-type]
            assert personalizer.users() == ["a"]
