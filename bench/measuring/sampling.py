"""The pytest module that pytest-benchmark samples: one test a turn."""

from bench.measuring.session import Session
from bench.timing import clock
from bench.workers.placement import RemoteSubject


def test_turn(case, block, session: Session, benchmark):
    """Prepare the case on its first turn; warm up, sample, hand over the seconds a call."""
    subject = session.prepare(case, block)
    if subject is None:
        return
    if isinstance(subject, RemoteSubject):  # it calls and times in another process
        session.sampled(case, subject.sample(clock.TURN_S), None)
        return
    call_s = clock.shortest(subject.call, clock.WARM_S)
    count, calls = clock.plan(call_s, clock.TURN_S)
    outputs = benchmark.pedantic(subject.call, rounds=count, iterations=calls)
    session.sampled(case, tuple(benchmark.stats.stats.data), outputs)
