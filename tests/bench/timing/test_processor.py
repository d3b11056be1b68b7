"""What a result says of its processor, on machines that are not this one."""

import os

import archspec.cpu
import pytest

from bench.timing import processor

ZEN4 = "sse2 ssse3 sse4_1 avx avx2 fma f16c bmi1 bmi2 avx512f avx512vl avx512_bf16 avx512_vnni"
X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9R14
stepping\t: 1
flags\t\t: fpu tsc xsaveopt {features}

processor\t: 1
vendor_id\t: another
"""
ARM = """processor\t: 0
Features\t: fp asimd evtstrm aes sve bf16
CPU architecture: 8
CPU part\t: 0xd40
CPU revision\t: 1
"""


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Describe a machine of four hardware threads, of which the process may use `usable`."""

    def described(cpuinfo, closest, usable=(0, 1), smt=False):
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        for cpu in range(4):
            topology = tmp_path / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            siblings = f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}" if smt else str(cpu)
            (topology / "thread_siblings_list").write_text(siblings)
            for index, words in enumerate(("1 Data 32K", "1 Instruction 64K", "3 Unified 2M")):
                folder = tmp_path / f"cpu{cpu}" / "cache" / f"index{index}"
                folder.mkdir(parents=True)
                for name, word in zip(("level", "type", "size"), words.split(), strict=True):
                    (folder / name).write_text(word + "\n")
        monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(processor, "CPUS", tmp_path)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(usable))
        monkeypatch.setattr(archspec.cpu, "host", lambda: archspec.cpu.TARGETS[closest])
        return processor.describe()

    return described


def test_x86_is_described_by_its_first_processor(linux):
    cpu = linux(X86.format(features=ZEN4), "zen4")
    assert (cpu.name, cpu.vendor) == ("AMD EPYC 9R14", "AuthenticAMD")
    assert (cpu.family, cpu.model, cpu.stepping) == ("25", "17", "1")
    assert cpu.microarchitecture == "zen4"
    assert cpu.features == tuple(sorted(ZEN4.split())), "and nothing that no kernel could use"
    assert cpu.cache_bytes == {"L1d": 2**15, "L3": 2**21}


def test_arm_is_described_by_its_part(linux):
    cpu = linux(ARM, "neoverse_v1")
    assert (cpu.name, cpu.vendor, cpu.family) == ("neoverse_v1", "ARM", "8")
    assert (cpu.model, cpu.stepping) == ("0xd40", "1")
    assert cpu.microarchitecture == "neoverse_v1"
    assert cpu.features == ("asimd", "bf16", "fp", "sve")


def test_a_processor_with_later_instruction_sets_has_no_name(linux):
    """A virtual machine hid one set, so archspec took it for an older processor."""
    cpu = linux(X86.format(features=f"{ZEN4} avx_vnni"), "zen4")
    assert cpu.microarchitecture is None


@pytest.mark.parametrize(
    ("closest", "more", "name"),
    [("zen2", "", None), ("zen3", "", "zen3"), ("zen3", "gfni", None)],
)
def test_a_zen3_without_protection_keys_is_no_zen2(linux, closest, more, name):
    """archspec wants pku of a Zen 3, a flag that virtual machines hide; a Zen 4 has gfni, too."""
    features = f"avx avx2 fma f16c vaes vpclmulqdq tsc_adjust {more}"
    assert linux(X86.format(features=features), closest).microarchitecture == name


def test_a_generic_level_is_no_name(linux):
    assert linux(X86.format(features="sse2"), "x86_64_v2").microarchitecture is None


@pytest.mark.parametrize(
    ("usable", "smt", "cores", "threads"),
    [((0, 1), False, 2, 2), ((0, 1), True, 1, 2), ((0, 2), True, 2, 2), ((3,), True, 1, 1)],
)
def test_cores_and_threads_in_use_are_counted(linux, usable, smt, cores, threads):
    cpu = linux(X86.format(features=ZEN4), "zen4", usable, smt)
    assert (cpu.cores, cpu.threads) == (cores, threads)


def test_what_linux_does_not_say_is_left_out(linux, monkeypatch, tmp_path):
    linux(X86.format(features=ZEN4), "zen4")
    monkeypatch.setattr(processor, "CPUS", tmp_path / "nowhere")
    cpu = processor.describe()
    assert cpu.cache_bytes == {} and cpu.cores == 2


@pytest.mark.parametrize(
    ("usable", "smt", "first"),
    [((0, 1, 2, 3), False, [0, 1, 2]), ((0, 1, 2, 3), True, [0, 2]), ((1, 2, 3), True, [1, 2])],
)
def test_what_is_started_on_some_cores_has_a_thread_of_each(linux, monkeypatch, usable, smt, first):
    linux(X86.format(features=ZEN4), "zen4", usable, smt)
    assert processor.cores() == (2 if smt else len(usable))
    moves = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: moves.append(sorted(cpus)))
    with processor.starting_on(3):
        assert moves == [first]
    assert moves == [first, sorted(usable)]
    with processor.starting_on(None):
        assert moves[2:] == []
