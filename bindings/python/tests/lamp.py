"""Scores predictions with what LaMP's own evaluation calls: scikit-learn and rouge_score. Where `LAMP_EVALUATION` names LaMP's
`eval/evaluation.py`, that script itself does it, over the same libraries in the place of Hugging Face's `evaluate`, which loads its metrics
from the network."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy
from rouge_score import rouge_scorer
from sklearn import metrics


class _Metric:
    """The `compute` of one metric of `evaluate`, by what that calls."""

    def __init__(self, name: str) -> None:
        self.name = name

    def compute(self, predictions: list[Any], references: list[Any], **options: Any) -> dict[str, float]:
        if self.name == "accuracy":
            return {"accuracy": float(metrics.accuracy_score(references, predictions))}
        if self.name == "f1":
            return {"f1": float(metrics.f1_score(references, predictions, zero_division=0.0, **options))}
        if self.name == "mae":
            return {"mae": float(metrics.mean_absolute_error(references, predictions))}
        if self.name == "mse":
            squared = options.get("squared", True)
            score = metrics.mean_squared_error if squared else metrics.root_mean_squared_error
            return {"mse": float(score(references, predictions))}
        scorer = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
        scored = [scorer.score_multi(gold, said) for gold, said in zip(references, predictions, strict=True)]
        # The plain mean, which the script's unseeded bootstrap scatters around.
        return {name: float(numpy.mean([it[name].fmeasure for it in scored])) for name in ("rouge1", "rougeL")}


def _own_script(path: Path) -> Any:
    stand_in = types.ModuleType("evaluate")
    stand_in.load = _Metric  # type: ignore[attr-defined]
    before = sys.modules.get("evaluate")
    sys.modules["evaluate"] = stand_in
    try:
        spec = importlib.util.spec_from_file_location("lamp_evaluation", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.modules.pop("evaluate")
        if before is not None:
            sys.modules["evaluate"] = before
    return module


def by_script(task: str, golds: list[str], said: list[str], folder: Path) -> dict[str, float] | None:
    """The figures of LaMP's own script; `None` where it is not here."""
    script = os.environ.get("LAMP_EVALUATION")
    if not script:
        return None
    files = {}
    for name, outputs in (("golds", golds), ("predictions", said)):
        rows = [{"id": str(place), "output": output} for place, output in enumerate(outputs)]
        files[name] = folder / f"{task}-{name}.json"
        files[name].write_text(json.dumps({"task": task, "golds": rows}))
    evaluation = _own_script(Path(script)).LaMPEvaluation(single_gold_json_file_addr=str(files["golds"]))
    found: dict[str, float] = evaluation.evaluate_task(str(files["predictions"]), task)
    return found


def labels(golds: list[str], said: list[str], of: list[str]) -> dict[str, float]:
    """LaMP-1 and 2: accuracy and macro-F1 over the places of the labels, -1 for what is none."""
    place = {label: n for n, label in reversed(list(enumerate(of)))}
    ours, theirs = ([place.get(text.strip(), -1) for text in texts] for texts in (said, golds))
    f1 = _Metric("f1").compute(ours, theirs, labels=list(range(len(of))), average="macro")
    return _Metric("accuracy").compute(ours, theirs) | f1


def numbers(golds: list[str], said: list[str]) -> dict[str, float]:
    """LaMP-3: MAE and RMSE, of the farther end of 1 to 5 for what is no number."""

    def number(text: str, gold: float) -> float:
        try:
            return float(text.strip())
        except ValueError:
            return 1.0 if abs(1 - gold) > abs(5 - gold) else 5.0

    wanted = [float(gold) for gold in golds]
    given = [number(text, gold) for text, gold in zip(said, wanted, strict=True)]
    mae = _Metric("mae").compute(given, wanted)["mae"]
    return {"MAE": mae, "RMSE": _Metric("mse").compute(given, wanted, squared=False)["mse"]}


def rouge(golds: list[str], said: list[str]) -> dict[str, float]:
    """LaMP-4 and on: ROUGE-1 and ROUGE-L."""
    found = _Metric("rouge").compute([text.strip() for text in said], [[gold.strip()] for gold in golds])
    return {"rouge-1": found["rouge1"], "rouge-L": found["rougeL"]}
