"""The regression gate: the working tree against a revision, with a verdict on every case.

A round is two fresh processes, one of either side, which take short turns: one waits while the
other times. The machine's drift falls on both, so their ratio is steadier than either time;
per-process effects (where memory lies, what the compiler chose) are drawn anew in every round. One
round gives one log ratio a case, and `bench.judging.verdicts` an interval from all of them.

May import all rooms but studies.
"""
