"""Investigations beside runs, each with its own section of the report.

May import all other rooms.
"""
