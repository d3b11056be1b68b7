"""One command on several backends: a process each, one after the other."""

import signal
import subprocess
from collections.abc import Iterable, Sequence

from bench.timing.interrupts import ENDING, Interrupt, remembered


def run(commands: Iterable[Sequence[str]]) -> int:
    """The highest exit status of the commands; after Ctrl-C or SIGTERM no further one starts."""
    interrupt, worst = Interrupt(), 0
    with remembered(interrupt, *ENDING):
        for command in commands:
            worst = max(worst, _status_of(command, interrupt))
            if interrupt:
                return interrupt.status
    return worst


def _status_of(command: Sequence[str], interrupt: Interrupt) -> int:
    """A child that is interrupted concludes in its own time."""
    with subprocess.Popen(command) as child:
        try:
            return abs(child.wait())
        except KeyboardInterrupt:
            if interrupt.number == signal.SIGTERM:  # Ctrl-C has reached the child as well
                child.terminate()
            return abs(child.wait())
