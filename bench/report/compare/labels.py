"""What runs are called beside each other."""

from collections.abc import Iterator


def labelled(count: int) -> Iterator[str]:
    """A to Z, then by number."""
    return (chr(ord("A") + i) if i < 26 else str(i + 1) for i in range(count))
