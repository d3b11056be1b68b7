"""The process of a run that measures: `bench.measuring.supervisor` starts it.

Its arguments are a file descriptor to write its steps to, the file of the run that it goes on with
("" for a new run), and a command line.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace

from bench import cli, commands
from bench.measuring.steps import Step
from bench.workers.messages import die_with_parent, send


def main(argv: Sequence[str]) -> int:
    """Measure, saying what it is doing; the exit status of the run so far."""
    die_with_parent()
    descriptor, resumed, *command = argv
    with os.fdopen(int(descriptor), "wb") as steps:

        def begin(step: Step) -> None:
            send(step, steps)

        last = Step("done")

        def measure(arguments: Namespace) -> int:
            nonlocal last
            last = commands.measure(arguments, begin, resumed)
            return last.status

        status = cli.run(command, measure)
        begin(replace(last, status=status))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
