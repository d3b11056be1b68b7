"""A machine's report: sections made from its result files, written as Markdown and as one page."""
