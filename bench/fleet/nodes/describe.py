"""Prints what a node is, as JSON: its arguments are the node's name and a backend.

A process of its own, for JAX cannot leave a backend that it has started.
"""

import sys
from collections.abc import Sequence

from bench.fleet.nodes.node import Node, here
from bench.records.machine import PLATFORMS
from bench.records.store import adapter


def main(argv: Sequence[str]) -> int:
    """Describe this machine on that backend."""
    import jax

    name, backend = argv
    jax.config.update("jax_platforms", PLATFORMS[backend])
    sys.stdout.buffer.write(adapter(Node).dump_json(here(name)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
