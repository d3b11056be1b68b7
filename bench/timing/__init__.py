"""The clock, what disturbs it, and the machine it runs on.

May import cases, records and judging.
"""
