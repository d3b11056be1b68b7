"""What README says is so: its code runs, its tables stand in the reports."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_its_code_runs():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["y"].shape == (100, 50, 128) and names["h"].shape == (100, 50, 256)


def test_its_measured_rows_stand_in_a_report():
    reports = "".join(path.read_text() for path in ROOT.glob("results/*/report.md"))
    rows = [line for line in README.splitlines() if re.match(r"\| [\w-]+ +\| +[\d.]+ [mµ]?s", line)]
    assert len(rows) >= 6
    assert all(row in reports for row in rows)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", README))))
def test_its_links_lead_somewhere(target):
    assert (ROOT / target).exists()
