"""An interrupt whose exception is lost is found at the next look; an ignored one stays ignored."""

import os
import signal
from threading import Event

import pytest

from bench.interrupts import raise_if, remembered


def test_an_interrupt_is_remembered():
    event, before = Event(), signal.getsignal(signal.SIGTERM)
    with remembered(event, signal.SIGTERM):
        raise_if(event)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_if(event)
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_was_ignored_stays_ignored():
    event, before = Event(), signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with remembered(event, signal.SIGUSR1):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not event.is_set()
