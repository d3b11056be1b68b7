"""`python -m bench history`: every kernel's time over the commits, and the steps in it."""
