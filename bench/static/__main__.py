import sys

from bench.static.cli import main

sys.exit(main(sys.argv[1:]))
