"""The pytest module that pytest-benchmark samples: one test a turn. Run by `bench.run`."""

from bench import rounds
from bench.session import Session


def test_turn(case, block, session: Session, benchmark):
    """Prepare the case on its first turn; warm up, sample, hand over the seconds a call."""
    subject = session.prepare(case, block)
    if subject is None:
        return
    if subject.sample is not None:  # its calls are made in another process, so they are timed there
        session.sampled(case, *subject.sample(session.turn_s))
        return
    call_s = rounds.shortest(subject.call, rounds.WARM_S)
    count, calls = rounds.plan(call_s, session.turn_s)
    outputs = benchmark.pedantic(subject.call, rounds=count, iterations=calls)
    session.sampled(case, tuple(benchmark.stats.stats.data), outputs)
