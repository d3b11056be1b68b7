import sys

from bench.studies.static.cli import main

sys.exit(main(sys.argv[1:]))
