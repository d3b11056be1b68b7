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
    ("strains", "flags"),
    [
        (("several_threads", "one_program", "exit_at_once"), ""),
        (("several_threads", "one_program"), ONE_THREAD),
        (("several_threads", "many_devices"), FOUR_DEVICES),
    ],
)
def test_survives(strains, flags):
    root = STRESS.parents[3]
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": str(root)}
    command = [sys.executable, str(STRESS), *strains]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
