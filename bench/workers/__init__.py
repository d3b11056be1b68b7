"""A process that measures, and its end here. May import contenders and all rooms above it."""
