"""A run: selection, supervisor, turns, session, progress.

May import all rooms but gate and studies.
"""
