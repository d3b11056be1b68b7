"""Which machines are one, and the folders that keep the others apart."""

import re
from dataclasses import replace

import pytest
from helpers.sample_runs import HERE, machine

from bench.records.machine import Gpu

H100 = Gpu("NVIDIA H100 80GB HBM3", 80 * 2**30, "580.1", "1980 MHz")


def test_a_folder_is_readable():
    assert re.fullmatch(r"amd-zen4-2-cores-[0-9a-f]{6}", HERE.folder)
    assert machine(cores=1).folder.startswith("amd-zen4-1-core-2-threads-")
    unnamed = machine(vendor="GenuineIntel", microarchitecture=None)
    assert unnamed.folder.startswith("intel-family-25-model-17-2-cores-")
    on_gpu = machine(backend="gpu", gpu=H100)
    assert on_gpu.folder.startswith("nvidia-h100-80gb-hbm3-")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"name": "Another CPU"}, "CPU"),
        ({"stepping": "2"}, "CPU stepping"),
        ({"microarchitecture": "zen5"}, "CPU microarchitecture"),
        ({"features": ("avx2",)}, "CPU features"),
        ({"cache_bytes": {"L1d": 2**16}}, "caches"),
        ({"threads": 4}, "cores"),
        ({"memory_bytes": 2**35}, "memory"),
        ({"gpu": H100}, "GPU"),
    ],
)
def test_what_changes_a_timing_makes_another_machine(changed, named):
    other = machine(**changed)
    assert named in HERE.differing(other) and named in other.differing(HERE)
    assert other.folder != HERE.folder and other.fingerprint != HERE.fingerprint


@pytest.mark.parametrize("changed", [{"memory_bytes": 80 * 2**30 - 2**20}, {"driver": "590.2"}])
def test_so_does_a_gpus_memory_or_driver(changed):
    one, other = (machine(backend="gpu", gpu=gpu) for gpu in (H100, replace(H100, **changed)))
    assert len(one.differing(other)) == 1 and one.folder != other.folder


def test_another_day_does_not():
    later = machine(os="Linux 9", load_average=9.0, memory_bytes=2**34 - 2**22)
    assert not HERE.differing(later) and later.folder == HERE.folder
    busy = machine(backend="gpu", gpu=replace(H100, clocks="210 MHz"))
    assert not busy.differing(machine(backend="gpu", gpu=H100))


def test_a_fingerprint_of_another_machine_is_refused():
    with pytest.raises(ValueError, match=r"fingerprint 123; that of this machine is [0-9a-f]{16}"):
        machine(fingerprint="123")
