"""What the tests share: the repository's sample of invented raters, and a task."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas
import pytest

import rpm_core as rpm

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
DATA = HERE.parents[2] / "examples" / "data"
COLUMNS = {"query": "review", "response": "rating", "time": "date"}


@pytest.fixture(scope="session")
def raters() -> Path:
    return DATA / "raters.csv"


@pytest.fixture(scope="session")
def population(task: rpm.Task, raters: Path) -> rpm.Population:
    few = pandas.read_csv(raters).groupby("user").head(12)
    return rpm.Population.learn(task, few, columns=COLUMNS, k=3)


@pytest.fixture(scope="session")
def task() -> rpm.Task:
    space = rpm.ResponseSpace.scale(1, 5)
    return rpm.Task("How would this person rate the film?", space, query_name="review", response_name="rating")


@pytest.fixture
def rows() -> list[dict[str, object]]:
    """Twelve ratings of one person, who likes what is quiet."""
    films = ["drama", "walk", "summer", "village", "friends", "romance"]
    loud = ["chase", "heist", "battle", "robots", "race", "monsters"]
    pairs = [(f"Quiet {film}", 5) for film in films] + [(f"Loud {film}", 1) for film in loud]
    return [{"user": "ana", "query": query, "response": response, "time": n} for n, (query, response) in enumerate(pairs)]
