"""Interrupts that are not lost: Ctrl-C, and SIGTERM, which ends a command in the same way.

The exception alone is, where it comes while C++ calls back into Python, or in a garbage
collection's callback: Python can only print it there. So it is remembered as well.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

ENDING = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupt:
    """The first signal that ended the command, if one did."""

    number: signal.Signals | None = None
    count: int = 0

    def __bool__(self) -> bool:
        return self.number is not None

    @property
    def status(self) -> int:
        """The exit status by which a shell knows it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


@contextmanager
def counted(interrupt: Interrupt, *numbers: signal.Signals) -> Iterator[None]:
    """Signals of these numbers are kept and counted, and do nothing else."""

    def handle(number, frame):
        interrupt.number = interrupt.number or signal.Signals(number)
        interrupt.count += 1

    with _handled(handle, numbers):
        yield


@contextmanager
def remembered(interrupt: Interrupt, *numbers: signal.Signals) -> Iterator[None]:
    """Signals of these numbers raise KeyboardInterrupt, and the first of them is kept.

    One that this process was started to ignore, as a shell starts what it puts into the
    background, stays ignored.
    """

    def handle(number, frame):
        interrupt.number = interrupt.number or signal.Signals(number)
        signal.default_int_handler(number, frame)

    with _handled(handle, numbers):
        yield


@contextmanager
def _handled(handle: Callable, numbers: Sequence[signal.Signals]) -> Iterator[None]:
    """This handler for signals that are not ignored."""
    handled = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if(interrupt: Interrupt) -> None:
    """Raise the KeyboardInterrupt that may have been lost."""
    if interrupt:
        raise KeyboardInterrupt
