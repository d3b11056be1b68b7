"""What would make a run's times steadier: at most three sentences, the most harmful thing first."""

from collections.abc import Iterator
from itertools import islice
from statistics import median

from bench.judging.precision import OTHERS
from bench.records.run import Run, Visit

MOST = 3
PRESSURE = 0.01  # of a minute in which some process waited for memory
WAITED = 0.05  # of a run


def advice(run: Run) -> list[str]:
    """For this run, by what could be seen of its machine; none if there is nothing to mend."""
    visits = [visit for result in run.cases for visit in result.visits]
    return list(islice(_sentences(run, visits), MOST)) if visits else []


def _sentences(run: Run, visits: list[Visit]) -> Iterator[str]:
    others = median(visit.conditions.others for visit in visits)
    waited = sum(visit.conditions.waited_s or 0.0 for visit in visits) / max(run.seconds, 1.0)
    cpu, settings = run.machine.cpu, run.settings
    gpus = [visit.conditions.gpu for visit in visits if visit.conditions.gpu]
    if held := dict.fromkeys(why for gpu in gpus for why in gpu.throttled):
        yield (
            f"The GPU held its clocks back ({', '.join(held)}): lock them lower with `nvidia-smi "
            "--lock-gpu-clocks`, or cool it."
        )
    if others > OTHERS:
        yield f"Other processes took {others:.0%} of the cores: stop them, or measure later."
    if (pressure := settings.memory_pressure or 0.0) > PRESSURE:
        yield f"Processes waited for memory in {pressure:.0%} of a minute: free some."
    if waited > WAITED:
        yield (
            f"{waited:.0%} of the run was spent waiting for cores that ran at full speed: the host "
            "is shared, so measure at a quieter hour or on a machine of your own."
        )
    if run.machine.backend != "cpu":
        return
    if settings.governor not in (None, "performance"):
        yield (
            f"The frequency governor is {settings.governor}: `cpupower frequency-set -g "
            "performance` keeps the clocks up."
        )
    if cpu.threads > cpu.cores:
        yield (
            f"{cpu.threads} threads share {cpu.cores} cores: start the run under `taskset` with "
            "one thread a core."
        )
    if settings.turbo:
        yield (
            "Turbo is on, so clocks fall as the machine warms up: write 1 to intel_pstate/no_turbo "
            "or 0 to cpufreq/boost, below /sys/devices/system/cpu."
        )
