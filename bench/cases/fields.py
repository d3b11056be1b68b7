"""What a value in a result file may be. Checked when a file is read, whatever wrote it."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

LARGEST_COUNT = 2**53  # beyond it a float is no longer exact
LONGEST = 200  # characters of a name
LONGEST_TEXT = 100_000  # of any other text
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """A terminal obeys control characters, so each becomes the replacement character."""
    return CONTROL.sub("�", text)


def _shortened(text: str) -> str:
    """An error's message may have any length."""
    return text[:LONGEST_TEXT]


def _of_the_calendar(text: str) -> str:
    """Raises ValueError, which names the month or the hour that there is not."""
    datetime.fromisoformat(text)
    return text


Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Size = Annotated[int, Field(ge=0, le=10**9)]  # of an axis, as the command line takes it
Quantity = Annotated[float, Field(ge=0, le=1e30, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
# Names become names of files, titles of figures and keys of tables; none is `..`, or hidden.
Name = Annotated[str, Field(pattern=r"^([\w+=-][\w.+=-]*)?$", max_length=LONGEST)]
FileName = Annotated[str, Field(pattern=r"^[\w=-]+$", max_length=LONGEST)]
Timestamp = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$"),
    AfterValidator(_of_the_calendar),
]
Text = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(printable)]
Message = Annotated[str, AfterValidator(_shortened), AfterValidator(printable)]
