"""The machine and the circumstances of every file that a report is made from."""

from collections.abc import Sequence

import pandas as pd

from bench.records.facts import Settings
from bench.records.machine import Machine
from bench.records.run import Origin
from bench.report.pages.markup import plain
from bench.report.section import Section, Table
from bench.report.units import digits, mebibytes, percent


def section(origins: Sequence[Origin]) -> Section:
    """A column a file, a row for everything that any of them says."""
    properties = {origin.suite: _properties(origin) for origin in origins}
    rows = pd.DataFrame(properties).fillna("").rename_axis("property").reset_index()
    return Section("Machine", table=Table(rows, {name: (name, str) for name in rows.columns}))


def not_whole(origin: Origin) -> list[str]:
    """A paragraph that names how it is less than the whole suite, if it is."""
    shortfalls = plain(", ".join(origin.shortfalls))
    return [f"**Not the whole suite: {shortfalls}.**"] if shortfalls else []


def _properties(origin: Origin) -> dict[str, str]:
    machine, source = origin.machine, origin.source
    properties = {
        **_hardware(machine),
        "system": machine.os,
        "load at the start": None if machine.load_average is None else digits(machine.load_average),
        **_settings(origin.settings),
        "measured": origin.started,
        "command": origin.command,
        "commit": (source.commit or "unknown") + (" with local changes" if source.dirty else ""),
        "XLA_FLAGS": machine.xla_flags,
        **origin.versions,
    }
    return {name: value for name, value in properties.items() if value}


def _settings(settings: Settings) -> dict[str, str | None]:
    pressure = settings.memory_pressure
    return {
        "governor": settings.governor,
        "turbo": {True: "on", False: "off"}.get(settings.turbo),
        "waiting for memory": None if pressure is None else percent(pressure),
        **settings.process,
    }


def _hardware(machine: Machine) -> dict[str, str | None]:
    cpu, gpu = machine.cpu, machine.gpu
    properties = {
        "CPU": str(cpu),
        "vendor, family, model, stepping": ", ".join(
            each for each in (cpu.vendor, cpu.family, cpu.model, cpu.stepping) if each
        ),
        "instruction sets": ", ".join(cpu.features),
        "caches": ", ".join(f"{k} {mebibytes(size)} MiB" for k, size in cpu.cache_bytes.items()),
        "memory": f"{mebibytes(machine.memory_bytes)} MiB",
        "fingerprint": machine.fingerprint,
    }
    if gpu:
        memory = gpu.memory_bytes and f"{mebibytes(gpu.memory_bytes)} MiB"
        properties |= {"GPU": gpu.name, "GPU memory": memory}
        properties |= {"driver": gpu.driver, "clocks": gpu.clocks}
    return properties
