"""`python -m bench` whose fleets have their nodes only pretend to measure."""

import sys
from functools import partial

from bench.cli import main
from bench.fleet.nodes import engine
from bench.records.facts import Source
from bench.timing import host

host.source = lambda: Source("0123abc", dirty=False)  # a fleet with local changes has no --resume
engine.RayEngine = partial(engine.RayEngine, module="helpers.pretended_run")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
