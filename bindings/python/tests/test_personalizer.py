"""A personalizer from the first row to the last, without a model."""

from __future__ import annotations

import dataclasses
import html
import json
import pickle
from pathlib import Path
from typing import Any

import pandas
import pytest

import rpm_core as rpm
from rpm_core import _decode
from conftest import COLUMNS


@pytest.fixture
def films(task: rpm.Task, rows: list[dict[str, object]]) -> rpm.Personalizer:
    personalizer = rpm.Personalizer(task)
    personalizer.learn(rows)
    return personalizer


def test_an_answer_goes_by_what_the_user_said_and_says_why(films: rpm.Personalizer) -> None:
    told = films.answer("ana", "A quiet film about two lighthouse keepers")
    assert told.response == "5"
    assert "Higher for: quiet" in str(told) and "quiet" in told.in_words()
    assert told.reasons.support.tier in ("factors", "pairs", "full")
    assert told.reasons.contributions[0].source.kind == "factor"
    estimate = told.reasons.estimate
    assert estimate and abs(sum(it.probability for it in estimate.responses) - 1) < 1e-9
    assert (told.svg() or "").startswith("<svg")
    assert told.usage == {}


def test_what_if_takes_each_reason_away(films: rpm.Personalizer) -> None:
    found = films.what_if(films.answer("ana", "A quiet film about two lighthouse keepers"))
    assert found.factors[0].factor.label == "quiet" and found.factors[0].effect.size > 0
    assert "Without" in found.in_words and "faithfulness" in str(found)
    short = films.explain(films.answer("ana", "A quiet walk"), counterfactuals=1, exemplars=False, evidence=0)
    assert len(short.factors) == 1 and short.exemplars == ()


def test_a_profile_is_data_text_and_a_page(films: rpm.Personalizer) -> None:
    profile = films.profile("ana", note="Made for you.")
    assert isinstance(profile.usual.kind, str) and profile.usual.kind == "mean"
    effect = profile.sways[0].effect
    assert effect.kind == "points" and abs(effect.higher) > 3
    assert "quiet" in str(profile) and "</html>" in profile.html and "Made for you." in profile.html


def test_a_page_in_a_notebook_is_escaped_and_has_no_rights(task: rpm.Task) -> None:
    personalizer = rpm.Personalizer(task)
    rows = [{"user": "eve", "query": f"<script>alert('{n}')</script> loud \"film\"", "response": 1 + n % 5} for n in range(12)]
    report = personalizer.learn(rows)
    shown = personalizer.profile("eve")._repr_html_()
    assert shown.startswith('<iframe sandbox=""') and "<script" not in shown and shown.count("<") == 2
    page = html.unescape(shown.split('srcdoc="', 1)[1].split('" title', 1)[0])
    assert page == personalizer.profile("eve").html and "<script" not in page
    assert "<script" not in personalizer.answer("eve", "<script>loud</script>")._repr_html_()
    hostile = dataclasses.replace(report, users=(dataclasses.replace(report.users[0], user="<b>eve"),))
    assert "<b>" not in hostile._repr_html_() and "&lt;b&gt;eve" in hostile._repr_html_()


def test_what_is_ignored_moves_no_answer_until_it_is_undone(films: rpm.Personalizer) -> None:
    query = "A quiet film about two lighthouse keepers"
    before = films.answer("ana", query).reasons
    edit = films.ignore("ana", "quiet")
    assert films.answer("ana", query).reasons.set_aside[0].factor == "quiet"
    assert films.profile("ana").set_aside == ("quiet",)
    films.undo("ana", edit)
    assert films.answer("ana", query).reasons == before
    with pytest.raises(rpm.UnknownFactorError, match="ana has no factor of this name"):
        films.ignore("ana", "submarines")
    with pytest.raises(rpm.OperationError):
        films.undo("ana", 99)


def test_what_is_forgotten_leaves_the_model_of_the_rest(films: rpm.Personalizer, task: rpm.Task, rows: list[dict[str, object]]) -> None:
    numbered = [{**row, "id": f"r{n}"} for n, row in enumerate(rows)]
    films.learn(numbered)
    receipt = films.forget("ana", ["r0", "r1"])
    assert receipt.items == ("r0", "r1") and receipt.probe.found == 0
    assert {it.state.kind for it in receipt.probe.places} <= {"searched", "erased", "not_reached"}
    assert "forgotten: 2 interactions" in str(receipt)
    rest = rpm.Personalizer(task)
    rest.learn(numbered[2:])
    keep = ("memory", "factors")
    models = [json.loads(it.user_model("ana")) for it in (films, rest)]
    assert [models[0].get(part) for part in keep] == [models[1].get(part) for part in keep]
    assert films.forget_user("ana") is True and films.forget_user("ana") is False
    with pytest.raises(rpm.UnknownUserError, match="no user model of ana is stored"):
        films.forget("ana", ["r2"])


def test_observing_the_same_again_changes_nothing_and_another_response_under_an_id_is_told(films: rpm.Personalizer) -> None:
    new = [{"user": "bea", "id": "x", "query": "A quiet storm", "response": 2}]
    assert films.observe(new).users[0].report.items[0].outcome.kind == "learned"  # type: ignore[union-attr]
    kinds = [films.observe(it).users[0].report.items[0].outcome.kind for it in (new, [{**new[0], "response": 3}])]  # type: ignore[union-attr]
    assert kinds == ["known", "conflicting"]
    assert films.users() == ["ana", "bea"]


def test_a_store_outlasts_its_personalizer_and_is_one_process_at_a_time(task: rpm.Task, rows: list[dict[str, object]], tmp_path: Path) -> None:
    path = tmp_path / "films.redb"
    first = rpm.Personalizer(task, store=path)
    first.learn(rows)
    with pytest.raises(rpm.StoreError, match="in use") as error:
        rpm.Personalizer(task, store=path)
    assert error.value.is_transient
    expected = first.answer("ana", "A quiet film").reasons
    del first
    assert rpm.Personalizer(task, store=str(path)).answer("ana", "A quiet film").reasons == expected
    path.write_bytes(b"not a store" * 1000)
    with pytest.raises(rpm.StoreError, match="no store"):
        rpm.Personalizer(task, store=path)


def test_a_newcomer_begins_where_most_people_are(task: rpm.Task, raters: Path, population: rpm.Population) -> None:
    frame = pandas.read_csv(raters).groupby("user").head(12)
    assert (population.users, population.k, population.epsilon) == (8, 3, None)
    again = rpm.Population.from_json(population.to_json())
    assert again.digest == population.digest
    films = rpm.Personalizer(task, population=again)
    told = films.answer("nobody yet", "A loud chase every ten minutes.")
    assert told.reasons.estimate and told.reasons.estimate.people and told.reasons.estimate.people.users == 8
    assert films.users() == []
    question = films.next_question("nobody yet", frame["review"].tolist()[:20])
    assert question is None or question.query in set(frame["review"])
    with pytest.raises(rpm.PopulationError):
        rpm.Population.learn(task, frame, columns=COLUMNS, k=9)
    with pytest.raises(rpm.PopulationError):
        rpm.Population.from_json("{}")
    few = frame.groupby("user").head(4)
    noisy = [rpm.Population.learn(task, few, columns=COLUMNS, k=3, epsilon=4.0) for _ in range(2)]
    assert noisy[0].epsilon == 4.0 and noisy[0].to_json() != noisy[1].to_json()
    other = rpm.Task("Which?", rpm.ResponseSpace.labels(["a", "b"]))
    with pytest.raises(rpm.ConfigError, match="population is of other responses"):
        rpm.Personalizer(other, population=population)


def test_a_catalog_gives_all_users_the_same_factors(task: rpm.Task, rows: list[dict[str, object]]) -> None:
    catalog = rpm.Catalog.of(["car chase", {"label": "calm", "terms": ["quiet", "slow"]}])
    assert set(catalog.assign("A quiet car chase")) == {"calm", "car chase"}
    assert rpm.Catalog.from_json(catalog.to_json()).digest == catalog.digest
    films = rpm.Personalizer(task, catalog=catalog)
    films.learn(rows)
    assert any(sway.label == "calm" for sway in films.profile("ana").sways)
    with pytest.raises(rpm.CatalogError):
        rpm.Catalog.of(["a", "a"])


def test_tasks_and_spaces_that_cannot_be_are_refused_and_those_that_can_be_pickle(task: rpm.Task) -> None:
    assert pickle.loads(pickle.dumps(task)) == task == rpm.Task.from_json(task.to_json())
    assert repr(task) == 'Task("How would this person rate the film?", ResponseSpace.scale(1, 5))'
    spaces = [
        task.space,
        rpm.ResponseSpace.labels(["drama", "comedy"]),
        rpm.ResponseSpace.choices(),
        rpm.ResponseSpace.text(80),
    ]
    assert [pickle.loads(pickle.dumps(space)) for space in spaces] == spaces
    assert len({*spaces, *(pickle.loads(pickle.dumps(space)) for space in spaces)}) == 4
    assert {task: 1}[rpm.Task.from_json(task.to_json())] == 1
    assert task.space.fixed_responses() == ["1", "2", "3", "4", "5"]
    for make in (
        lambda: rpm.ResponseSpace.scale(5, 1),
        lambda: rpm.ResponseSpace.labels(["a"]),
        lambda: rpm.ResponseSpace.text(0),
        lambda: rpm.Task(" ", rpm.ResponseSpace.choices()),
        lambda: rpm.Task.from_json("[]"),
        lambda: rpm.Task("x", rpm.ResponseSpace.choices(), language="fr"),
    ):
        with pytest.raises(rpm.DataError):
            make()
    with pytest.raises(rpm.DataError, match="query"):
        rpm.Personalizer(task).answer("ana", "")


def test_results_are_frozen_pickle_and_show_no_text(films: rpm.Personalizer) -> None:
    told = films.answer("ana", "A quiet film about two lighthouse keepers")
    for value in (told.reasons, films.what_if(told), films.profile("ana"), films.interactions("ana")[0]):
        assert pickle.loads(pickle.dumps(value)) == value
        assert "uiet" not in repr(value), type(value)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, "x")
    assert "uiet" not in repr(told) + repr(rpm.Query("A quiet film"))


def _lost(data: Any, value: Any, path: str = "") -> list[str]:
    """The places of the data that have no field."""
    if isinstance(data, dict) and dataclasses.is_dataclass(value):
        names = {it.name.rstrip("_"): it.name for it in dataclasses.fields(value)}
        lost: list[str] = []
        for key, item in data.items():
            if key in names:
                lost += _lost(item, getattr(value, names[key]), f"{path}.{key}")
            elif key != "kind" and not hasattr(type(value), "_read"):
                lost.append(f"{path}.{key}")
        return lost
    if isinstance(data, (list, tuple)) and isinstance(value, tuple):
        return [it for one, other in zip(data, value, strict=True) for it in _lost(one, other, path + "[]")]
    return []


def test_no_field_of_the_library_is_lost(
    films: rpm.Personalizer, task: rpm.Task, raters: Path, population: rpm.Population
) -> None:
    beside = rpm.Personalizer(task, population=population)
    beside.learn(pandas.read_csv(raters), columns=COLUMNS)
    for personalizer, user in ((films, "ana"), (beside, "ada")):
        told = personalizer.answer(user, "A quiet ferry in the fog: slow scenes.")
        assert _lost(told._native.reasons(), told.reasons) == []
        assert _lost(personalizer._native.explain(told._native, (8, True, 3), None)[0], personalizer.what_if(told)) == []
        assert _lost(personalizer._native.profile(user, (12, 2, None))[0], personalizer.profile(user)) == []
    data, _ = personalizer._native.forget(user, [personalizer.interactions(user)[0].id])
    assert _lost(data, _decode.read(rpm.Receipt, data)) == []


def test_progress_is_told_and_may_stop_the_call(task: rpm.Task, raters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = rpm.Personalizer(task)
    seen: list[rpm.Progress] = []
    films.learn(pandas.read_csv(raters), columns=COLUMNS, progress=seen.append)
    assert [(it.done, it.total) for it in seen] == [(n, 8) for n in range(1, 9)]

    def stop(progress: rpm.Progress) -> None:
        if progress.done == 2:
            raise StopIteration("enough")

    fresh = rpm.Personalizer(task)
    with pytest.raises(StopIteration, match="enough"):
        fresh.learn(pandas.read_csv(raters), columns=COLUMNS, progress=stop)
    assert len(fresh.users()) == 2
    films.learn(pandas.read_csv(raters), columns=COLUMNS)
    assert capsys.readouterr().err == ""
    films.learn(pandas.read_csv(raters), columns=COLUMNS, progress=True)
    assert "8" in capsys.readouterr().err


def test_a_report_is_a_table_too(task: rpm.Task, raters: Path) -> None:
    report = rpm.Personalizer(task).learn(pandas.read_csv(raters), columns=COLUMNS)
    assert str(report) == "8 users, 384 interactions: 384 learned, 0 failed"
    table = report.to_frame()
    assert list(table["user"])[0] == "ada" and table["interactions"].sum() == 384
    assert report._repr_html_().count("<tr>") == 9
