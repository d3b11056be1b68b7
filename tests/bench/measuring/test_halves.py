"""A command on several backends: after an interrupt none is left to run."""

import json
import os
import signal
import subprocess
import sys

import pytest

from bench.measuring import halves

PARENT = """
import json, sys
from bench.measuring import halves
sys.exit(halves.run(json.loads(sys.argv[1])))
"""
# Says that it has started, then concludes with status 7 once it is interrupted.
FIRST = """
import signal, sys, time
def conclude(number, frame):
    print("concluded", flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, conclude)
signal.signal(signal.SIGTERM, conclude)
print("started", flush=True)
time.sleep(20)
"""


def python(code):
    return [sys.executable, "-c", code]


def test_the_highest_status_of_all_halves_counts(tmp_path):
    one, two = (python(f"open({str(tmp_path / n)!r}, 'w'); exit({n})") for n in "21")
    assert halves.run([one, two]) == 2
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_half_concludes_and_the_other_does_not_start(how):
    commands = [python(FIRST), python("print('other')")]
    parent = [*python(PARENT), json.dumps(commands)]
    with subprocess.Popen(
        parent, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        if how == signal.SIGINT:  # as a terminal sends it: to all of its foreground
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        assert process.stdout.read() == "concluded\n"
        assert process.wait(timeout=60) == 128 + how
