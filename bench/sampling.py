"""The pytest module that pytest-benchmark samples: one test a turn. Run by `bench.run`."""

from bench.session import Session


def test_turn(case, block, session: Session, benchmark):
    """Prepare the case on its first turn, then sample it and hand over the seconds a call."""
    subject = session.prepare(case, block)
    if subject is None:
        return
    outputs = benchmark(subject.call)
    session.sampled(case, block, tuple(benchmark.stats.stats.data), outputs)
