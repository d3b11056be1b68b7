"""A machine's report: sections made from its result files, written as Markdown and as one page.

May import cases, records and judging: a result file is all that it knows of a measurement.
"""
