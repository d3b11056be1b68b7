"""An interrupt whose exception is lost is found at the next look; an ignored one stays ignored."""

import os
import signal

import pytest

from bench.timing.interrupts import Interrupt, raise_if, remembered


def test_an_interrupt_is_remembered():
    interrupt, before = Interrupt(), signal.getsignal(signal.SIGTERM)
    with remembered(interrupt, signal.SIGTERM):
        raise_if(interrupt)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_if(interrupt)
    assert signal.getsignal(signal.SIGTERM) == before
    assert interrupt.status == 143


def test_what_was_ignored_stays_ignored():
    interrupt, before = Interrupt(), signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with remembered(interrupt, signal.SIGUSR1):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not interrupt
