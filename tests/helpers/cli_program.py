"""The benchmark as a program of its own, on a machine whose ceilings are not measured.

Measuring them would take most of a short run; `SMALL_CEILINGS` does, with small programs.
"""

CHILD = """
import sys
from bench.measuring import session
from bench.records.facts import Ceiling
session.ceilings = lambda dtypes, cores: {ceilings}
{code}
from bench.child import main
sys.exit(main(sys.argv[1:]))
"""
PARENT = """
import sys
from bench.measuring import supervisor
supervisor.CHILD = ("-c", {child!r})
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
SMALL_CEILINGS = program(
    """
from bench.timing import ceilings, probes
from bench.workers import placement
probes.DOT_SIZES, probes.FOOTPRINTS, probes.TRAFFIC = (64,), (2**12,), 2**14
ceilings.ROUND_S = 0.001
session.ceilings = placement.ceilings
"""
)
