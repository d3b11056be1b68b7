"""A figure as text: the same input gives the same bytes, so a file changes only with its data."""

from io import StringIO

import matplotlib
from matplotlib.figure import Figure

matplotlib.rcParams["svg.hashsalt"] = "recurrent-kernels"


def svg(figure: Figure) -> str:
    """The figure as an SVG document."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def literal(text: str) -> str:
    """The text as a figure shows it unchanged: a dollar sign starts no formula."""
    return text.replace("$", r"\$")
