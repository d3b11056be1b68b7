"""The native kernel built up from plain loops, one idea a rung, each rung measured."""
