"""What was measured: the contents of result files, and reading and writing them.

May import cases.
"""
