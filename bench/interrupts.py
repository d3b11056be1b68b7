"""Interrupts that are not lost.

The exception alone is, where it comes while C++ calls back into Python, or in a garbage
collection's callback: Python can only print it there. So it is remembered as well.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def remembered(event: Event, *numbers: signal.Signals) -> Iterator[None]:
    """Signals of these numbers raise KeyboardInterrupt, and set the event.

    One that this process was started to ignore, as a shell starts what it puts into the
    background, stays ignored.
    """

    def interrupt(number, frame):
        event.set()
        signal.default_int_handler(number, frame)

    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if(event: Event) -> None:
    """Raise the KeyboardInterrupt that may have been lost."""
    if event.is_set():
        raise KeyboardInterrupt
