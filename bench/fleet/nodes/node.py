"""What a node of a cluster is: its machine, and what is installed there."""

import os
from dataclasses import dataclass

from bench.cases.fields import Message, Name, Text
from bench.records.machine import Machine


@dataclass(frozen=True)
class Node:
    """One node, on one of its backends.

    name: its host's, with a number where several nodes are on one. unavailable: contenders that it
    lacks, and why. niceness: of the processes of its tasks.
    """

    name: Name
    machine: Machine
    versions: dict[Text, Text]
    unavailable: dict[Text, Message]
    niceness: int = 0

    @property
    def place(self) -> str:
        """What it is dealt to under, and the folder of its results among those of a fleet."""
        return f"{self.machine.folder}/{self.name}"


def here(name: str) -> Node:
    """This process's machine, on the backend that JAX uses."""
    from bench.contenders import names, registry
    from bench.timing import host

    reasons = {kernel: registry.unavailable(kernel) for kernel in names.NAMES}
    return Node(
        name,
        host.machine(),
        host.versions() | registry.versions(names.NAMES),
        {kernel: reason for kernel, reason in reasons.items() if reason},
        os.nice(0),
    )
