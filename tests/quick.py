"""The benchmark as a program of its own, on a machine whose ceilings are not measured.

Measuring them would take most of a short run; `test_run.py` has one that does.
"""


def program(ceilings: str = "()") -> str:
    """Python whose arguments are those of `python -m bench`; `ceilings` is an expression."""
    return f"""
import sys
import bench.session
from bench.ceilings.model import Ceiling
bench.session.measure = lambda dtypes: {ceilings}
from bench.cli import main
sys.exit(main())
"""


QUICK = program()
