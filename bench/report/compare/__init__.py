"""`python -m bench compare`: two runs or more, and what changed between them."""
