"""The benchmark as a program of its own, on a machine whose ceilings are not measured.

Measuring them would take most of a short run; `test_run.py` has one that does.
"""

CHILD = """
import sys
import bench.measuring.session
from bench.records.facts import Ceiling
bench.measuring.session.measure = lambda dtypes: {ceilings}
{code}
from bench.child import main
sys.exit(main(sys.argv[1:]))
"""
PARENT = """
import sys
from bench.measuring import supervisor
supervisor.CHILD = (sys.executable, "-c", {child!r})
{code}
from bench.cli import main
sys.exit(main())
"""


def program(child: str = "", parent: str = "", ceilings: str = "()") -> str:
    """Python whose arguments are those of `python -m bench`.

    `child` is code for the process that measures, `parent` for its supervisor, `ceilings` an
    expression.
    """
    return PARENT.format(child=CHILD.format(code=child, ceilings=ceilings), code=parent)


QUICK = program()
