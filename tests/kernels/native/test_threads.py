"""The native kernel under strain: in a process of its own, with a hard timeout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kernels

pytestmark = pytest.mark.skipif(
    kernels.available()["native"] is not None, reason=str(kernels.available()["native"])
)
STRESS = Path(__file__).with_name("stress.py")
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
FOUR_DEVICES = "--xla_force_host_platform_device_count=4"


@pytest.mark.parametrize(
    ("strain", "flags"),
    [
        ("several_threads", ""),
        ("several_threads", ONE_THREAD),
        ("several_threads", FOUR_DEVICES),
        ("one_program", ""),
        ("one_program", ONE_THREAD),
        ("many_devices", FOUR_DEVICES),
        ("exit_at_once", ""),
    ],
)
def test_survives(strain, flags):
    root = STRESS.parents[3]
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(root)}
    command = [sys.executable, str(STRESS), strain]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
