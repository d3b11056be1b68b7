"""The benchmark: named shapes, a correctness gate, timings, result files, reports."""
