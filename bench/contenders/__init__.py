"""Everything that can be timed: our kernels, their variants, peers.

May import cases, records, judging and timing.
"""
