"""The process of a run that measures: `bench.measuring.supervisor` starts it.

Its arguments are a file descriptor to write its steps to, the file of the run that it goes on with
("" for a new run), and a command line.
"""

import os
import sys
from collections.abc import Sequence

from bench import cli, commands
from bench.measuring.steps import Step
from bench.workers.messages import die_with_parent, send


def main(argv: Sequence[str]) -> int:
    """Measure, saying what it is doing; the exit status of the run."""
    die_with_parent()
    descriptor, resumed, *command = argv
    with os.fdopen(int(descriptor), "wb") as steps:

        def begin(step: Step) -> None:
            send(step, steps)

        status = cli.run(command, lambda arguments: commands.measure(arguments, begin, resumed))
        begin(Step("done", status=status))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
