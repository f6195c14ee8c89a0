"""What many users have in common, and the factors that they share."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from . import _frame, _native
from ._native import Task


class Population:
    """What many users of a task have in common: where a newcomer begins. Holds no text and no id."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Population) -> None:
        self._native = native

    @classmethod
    def learn(
        cls,
        task: Task,
        frame: Any,
        *,
        columns: _frame.Columns | Mapping[str, str] | None = None,
        k: int = 10,
        catalog: Catalog | None = None,
        epsilon: float | None = None,
        delta: float | None = None,
    ) -> Population:
        """Learns it of the users of a frame, without a model. Only what `k` users share is in it.

        With `epsilon` it is learned under noise, whose seed is drawn anew from the operating system: it takes thousands of users.
        """
        how: _native.PopulationLearning = {
            "k": k,
            "catalog": None if catalog is None else catalog._native,
            "epsilon": epsilon,
            "delta": delta,
            "seed": list(secrets.token_bytes(32)),
            "stop": None,
        }
        return cls(_native.Population.learn(task, _frame.read(frame, columns), how))

    @classmethod
    def from_json(cls, text: str) -> Population:
        """Reads what `to_json` wrote."""
        return cls(_native.Population.from_json(text))

    def to_json(self) -> str:
        """The population as one file, in the library's own format."""
        return self._native.to_json()

    @property
    def users(self) -> int:
        """The users it was learned of."""
        return self._native.users

    @property
    def interactions(self) -> int:
        """Their interactions that were counted."""
        return self._native.interactions

    @property
    def k(self) -> int:
        """How many users share whatever is in it."""
        return self._native.k

    @property
    def epsilon(self) -> float | None:
        """The ε that it was learned under; `None` without noise."""
        return self._native.epsilon

    @property
    def digest(self) -> str:
        """A digest of its content."""
        return self._native.digest

    def __repr__(self) -> str:
        return f"Population(users={self.users}, interactions={self.interactions}, k={self.k}, epsilon={self.epsilon})"


class Catalog:
    """The factors that all users of a task share, under one id each."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Catalog) -> None:
        self._native = native

    @classmethod
    def of(cls, factors: Iterable[str | Mapping[str, Any]]) -> Catalog:
        """Of factors by their labels, or as mappings with `label` and, where there are such, `terms` and `description`."""
        listed = [it if isinstance(it, str) else dict(it) for it in factors]
        file = {"format": "rpm-core/catalog", "format_version": 1, "catalog": {"factors": listed}}
        return cls.from_json(json.dumps(file))

    @classmethod
    def build(cls, texts: Iterable[str]) -> Catalog:
        """Finds the factors that recur in texts, without a model."""
        return cls(_native.Catalog.build(list(texts)))

    @classmethod
    def from_json(cls, text: str) -> Catalog:
        """Reads what `to_json` wrote, or what was written by hand."""
        return cls(_native.Catalog.from_json(text))

    def to_json(self) -> str:
        """The catalog as one file, in the library's own format."""
        return self._native.to_json()

    def labels(self) -> list[str]:
        """The labels of its factors."""
        return self._native.labels()

    def assign(self, text: str) -> list[str]:
        """The labels of the factors that stand in a text."""
        return self._native.assign(text)

    @property
    def version(self) -> int:
        """Its version, from 1."""
        return self._native.version

    @property
    def digest(self) -> str:
        """A digest of its content."""
        return self._native.digest

    def __repr__(self) -> str:
        return f"Catalog(factors={len(self.labels())}, version={self.version})"
