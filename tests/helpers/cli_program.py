"""The benchmark as a program of its own, on a machine whose ceilings are not measured.

Measuring them would take most of a short run; `test_run.py` has one that does.
"""


def program(ceilings: str = "()") -> str:
    """Python whose arguments are those of `python -m bench`; `ceilings` is an expression."""
    return f"""
import sys
import bench.measuring.session
from bench.records.facts import Ceiling
bench.measuring.session.measure = lambda dtypes: {ceilings}
from bench.cli import main
sys.exit(main())
"""


QUICK = program()
