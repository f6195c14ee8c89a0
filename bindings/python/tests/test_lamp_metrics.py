"""Our figures of our own predictions against those of LaMP's evaluation, and of the libraries that it calls."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas
import pytest

import lamp
import rpm_core as rpm
from conftest import COLUMNS, DATA

TAGS = [
    "sci-fi", "based on a book", "comedy", "action", "twist ending", "dystopia", "dark comedy", "classic", "psychology", "fantasy",
    "romance", "thought-provoking", "social commentary", "violence", "true story",
]  # fmt: skip
WORDS = "a quiet boat in fog beside an old bridge where two brothers mend the clock of their village for winter".split()


def sloppy(response: str, chance: random.Random) -> str:
    """As a model may put it: right to the letter, with white space, in other letters, or in words that are none."""
    return chance.choice([response, f" {response}\n", response.upper(), f"{response} stars", "", "nan of it", f"{response}.0"])


def methods(chance: random.Random, guesses: list[str]) -> dict[str, Any]:
    """The library's own, and one whose replies LaMP's rules have to put up with."""

    def guess(history: list[dict[str, Any]]) -> Any:
        return lambda query, options: sloppy(chance.choice(guesses), chance)

    return {"majority": None, "knn": None, "offline": None, "guess": guess}


def compared(found: rpm.Evaluation, names: dict[str, str], expected: Any, tmp_path: Path, script: str) -> None:
    for method in found.report["methods"]:
        records = [it for it in found.records() if it["method"] == method]
        golds, said = [it["gold"] for it in records], [it["raw"] or "" for it in records]
        ours = found.metrics(method)
        libraries, script_said = expected(golds, said), lamp.by_script(script, golds, said, tmp_path)
        for name, theirs in names.items():
            assert ours[name] == libraries[theirs], (method, name)
            # The script goes through the items in the order of a set, which may change the last digit of a mean.
            assert script_said is None or script_said[theirs] == pytest.approx(ours[name], abs=1e-12, rel=0), (method, name)


def tagged(chance: random.Random) -> list[dict[str, object]]:
    return [
        {"user": f"u{n % 12}", "query": f"A film {n}: {' '.join(chance.sample(WORDS, 8))}", "response": chance.choice(TAGS[: 3 + n % 12])}
        for n in range(360)
    ]


def titled(chance: random.Random) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for n in range(120):
        words = chance.sample(WORDS, 9)
        rows.append({"user": f"u{n % 8}", "query": f"{' '.join(words)}. {' '.join(chance.sample(WORDS, 5))}.", "response": " ".join(words[:5])})
    return rows


def test_labels_are_scored_as_lamp_2_is(tmp_path: Path) -> None:
    chance = random.Random(1)
    task = rpm.Task("Which tag fits the film?", rpm.ResponseSpace.labels(TAGS))
    found = rpm.evaluate(tagged(chance), task, methods=methods(chance, TAGS), tests=10)
    names = {"strict accuracy": "accuracy", "strict macro-F1": "f1"}
    compared(found, names, lambda golds, said: lamp.labels(golds, said, TAGS), tmp_path, "LaMP_2")


def test_ratings_are_scored_as_lamp_3_is(task: rpm.Task, raters: Path, tmp_path: Path) -> None:
    chance = random.Random(2)
    own = [*(methods(chance, ["1", "2", "3", "4", "5"]).items())]
    frame = pandas.read_csv(raters)
    found = rpm.evaluate(frame, task, columns=COLUMNS, methods={**dict(own), "median": None, "mean": None})
    compared(found, {"strict MAE": "MAE", "strict RMSE": "RMSE"}, lamp.numbers, tmp_path, "LaMP_3")


def test_titles_are_scored_as_lamp_5_is(tmp_path: Path) -> None:
    chance = random.Random(3)
    task = rpm.Task("Give it a title.", rpm.ResponseSpace.text(200))

    def guess(history: list[dict[str, Any]]) -> Any:
        return lambda query, options: " ".join(chance.choices(WORDS + ["Boats,", "FOG!", "bridge-clock", "l'été"], k=6))

    found = rpm.evaluate(titled(chance), task, methods={"first-sentence": None, "offline": None, "guess": guess}, tests=8)
    compared(found, {"ROUGE-1": "rouge-1", "ROUGE-L": "rouge-L"}, lamp.rouge, tmp_path, "LaMP_5")


def test_the_records_that_the_command_writes_score_the_same(tmp_path: Path) -> None:
    found = rpm.evaluate(DATA / "raters", methods=["majority", "knn", "offline"])
    compared(found, {"strict MAE": "MAE", "strict RMSE": "RMSE"}, lamp.numbers, tmp_path, "LaMP_3")
