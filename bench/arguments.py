"""What the command line makes of texts."""

import argparse

from bench.cases.workloads import Workload, parse

LONGEST_BUDGET_S = 3600


class _Distinct(argparse.Action):
    """An option of several values; neither it nor any of them may be given twice."""

    def __call__(self, parser, namespace, values, option_string=None):
        if getattr(namespace, self.dest) is not self.default:
            raise argparse.ArgumentError(self, "given twice; expected all its values at once")
        if repeated := [value for value in values if values.count(value) > 1]:
            raise argparse.ArgumentError(self, f"{repeated[0]!r} twice; expected each value once")
        setattr(namespace, self.dest, values)


SEVERAL = {"nargs": "+", "action": _Distinct}


def shape(text: str) -> Workload:
    """One shape. Raises ArgumentTypeError for a text that is none."""
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def seconds(text: str) -> float:
    """A time budget. Raises ArgumentTypeError for a text that is none, or too long a time."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not text.isascii() or not 0 < value <= LONGEST_BUDGET_S:
        raise argparse.ArgumentTypeError(
            f"seconds is {text!r}; expected a number above 0, at most {LONGEST_BUDGET_S}"
        )
    return value


def count(text: str) -> int:
    """A number of trials. Raises ArgumentTypeError for a text that is none."""
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number from 1 to 9999")
    return int(text)
