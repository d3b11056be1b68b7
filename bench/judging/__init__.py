"""From numbers to verdicts: intervals, precision, ceilings.

May import cases and records.
"""
