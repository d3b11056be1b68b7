"""Runs a module that ends with the process that started it: its arguments are the module's too."""

import os
import runpy
import sys

from bench.workers.messages import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    if os.getppid() == 1:  # it has died meanwhile
        sys.exit(1)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
