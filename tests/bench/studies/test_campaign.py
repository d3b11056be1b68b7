"""The campaign goes on whatever becomes of a step, and says what became of it."""

import sys

from bench.studies import campaign
from bench.studies.campaign import Step


def python(name, code, limit_s=60):
    return Step(name, (sys.executable, "-c", code), limit_s)


def test_every_step_runs_in_order_and_leaves_its_log(tmp_path, monkeypatch, capsys):
    stuck = """
import time
print("begun", flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("concluded", flush=True)
    time.sleep(600)
"""
    planned = [
        python("fails", "print('so far'); raise SystemExit(3)"),
        python("stuck", stuck, limit_s=2),
        python("good", "import bench, os; print(os.getcwd())"),
    ]
    monkeypatch.setattr(campaign, "steps", lambda backend: planned)
    monkeypatch.setattr(campaign, "GRACE_S", 1)
    assert campaign.main(tmp_path / "out", "cpu") == 1
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "fails: exit status 3",
        "stuck: cut off at 2 s",
        "good: ok",
    ]
    logs = {path.stem: path.read_text() for path in (tmp_path / "out").glob("*.log")}
    assert logs["fails"].startswith("so far") and logs["stuck"].split() == ["begun", "concluded"]
    assert logs["good"].strip() == str(tmp_path / "out")


def test_a_gpu_host_is_asked_the_most_important_first(monkeypatch):
    monkeypatch.setattr(campaign.shutil, "which", lambda name: f"/bin/{name}")
    steps = list(campaign.steps("gpu"))
    names = [step.name for step in steps]
    assert names[:4] == ["correctness", "memcheck", "racecheck", "synccheck"]
    assert names[4] == "mission"
    assert sum(step.limit_s + campaign.GRACE_S for step in steps) <= 8 * 60
