"""What the texts say is so: code runs, numbers stand in the reports, links lead on."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
STUDY, MEASURING = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("study", "measuring"))


def test_its_code_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    calls, sequences, serving, _, data = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(calls, names)
    assert names["y"].shape == (100, 50, 128)
    assert (names["h"].shape, names["c_last"].shape) == ((100, 50, 256), (50, 256))
    exec(sequences, names)
    assert [names[each].shape for each in ("y", "c_last")] == [(30, 4, 5), (4, 64)]
    assert np.isfinite(names["value"]) and not names["y"][12:, 3].any()
    exec(serving, names)
    assert names["y_t"].shape == (4, 5) and np.isfinite(names["y_t"]).all()
    exec(data, names)
    assert {"native", "torch", "scan"} <= set(names["mission"].kernel)
    assert "recurrence native" in capsys.readouterr().out


REPORTS = "".join(path.read_text() for path in ROOT.glob("results/*/report.md"))


def test_its_times_stand_in_a_report():
    """Each beside its kernel's name in a row of the report's tables by problem."""
    rows = re.findall(r"^\| ([\w-]+) +((?:\| +(?:[\d.]+ [mµ]s)? +){6})\|$", README, re.M)
    times = [
        (kernel, time) for kernel, cells in rows for time in re.findall(r"[\d.]+ [mµ]s", cells)
    ]
    assert len(rows) == 6 and len(times) >= 25
    for kernel, time in times:
        assert re.search(rf"^\| {kernel} +\| +{time} \| +±", REPORTS, re.M), (kernel, time)


@pytest.mark.parametrize(
    ("text", "count"), [(MEASURING, 17), (STUDY, 8)], ids=["measuring", "study"]
)
def test_the_rows_of_tables_stand_in_a_report(text, count):
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) >= count
    assert [row for row in rows if row not in REPORTS] == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_links_lead_somewhere(text):
    links = re.findall(r"\]\(([^):#]+)", text.read_text())
    assert links and [link for link in links if not (text.parent / link).exists()] == []
