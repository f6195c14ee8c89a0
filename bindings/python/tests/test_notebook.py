"""The ten cells of the example run, and each says something."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.py"


def test_the_ten_cells_run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert NOTEBOOK.read_text().count("\n# %%") == 10
    runpy.run_path(str(NOTEBOOK), run_name="__main__")
    said = capsys.readouterr().out
    for words in ("8 users, 384 interactions", "rating: ", "Without ", "forgotten: ", "offline"):
        assert words in said
    assert (tmp_path / "report.html").exists()
