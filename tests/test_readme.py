"""What README and the study say is so: code runs, tables stand in the reports, links lead on."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
STUDY = ROOT / "docs" / "study.md"


def test_its_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["y"].shape == (100, 50, 128) and names["h"].shape == (100, 50, 256)


REPORTS = "".join(path.read_text() for path in ROOT.glob("results/*/report.md"))


def test_its_measured_rows_stand_in_a_report():
    rows = [line for line in README.splitlines() if re.match(r"\| [\w-]+ +\| +[\d.]+ [mµ]?s", line)]
    assert len(rows) >= 6
    assert all(row in REPORTS for row in rows)


def test_its_rates_stand_in_a_report():
    rows = [line for line in README.splitlines() if re.match(r"\| +[\d.]+ %", line)]
    assert len(rows) == 5
    assert all(row in REPORTS for row in rows)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", README))))
def test_its_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_the_studys_rows_stand_in_a_report():
    rows = [line for line in STUDY.read_text().splitlines() if line.startswith("| ")]
    assert len(rows) >= 8
    assert all(row in REPORTS for row in rows)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):#]+)", STUDY.read_text()))))
def test_the_studys_links_lead_somewhere(target):
    assert (STUDY.parent / target).exists()
