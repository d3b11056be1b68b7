"""A process that measures, and its client here.

May import cases, records, judging, timing and contenders.
"""
