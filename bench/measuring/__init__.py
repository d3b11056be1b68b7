"""A run: its selection, turns, session and progress.

May import all rooms but gate and studies.
"""
