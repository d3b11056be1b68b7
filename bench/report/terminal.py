"""How every table looks on a terminal."""

from rich import box
from rich.markup import escape
from rich.table import Table


def empty_table(title: str = "", caption: str = "") -> Table:
    """A table without columns yet; its title and caption are plain text, not markup."""
    return Table(
        title=escape(title),
        caption=escape(caption),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
