"""What is measured: workloads, dtypes, inputs, programs, their cost and tolerance.

May import no other room.
"""
