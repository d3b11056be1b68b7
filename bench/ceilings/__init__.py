"""What the machine allows at most, measured on it: arithmetic, bandwidth, dependent steps.

A ceiling must be one that no kernel can break, or the percentage under it says nothing. So each is
the best of a family of programs and of all repetitions, and what a case is charged is the least
that any implementation must do: the arithmetic of `bench.cost`, its arguments and results moved
once, its T steps one after the other. A case above is an error: of the ceiling, of the cost model,
or of a kernel that left work out.
"""
