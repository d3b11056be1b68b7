"""What a value in a result file may be. Checked when a file is read, by whoever wrote it."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

LARGEST_COUNT = 2**53  # beyond it a float is no longer exact
LONGEST = 200  # characters of a name
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _printable(text: str) -> str:
    """A terminal obeys control characters, so each becomes the replacement character."""
    return CONTROL.sub("�", text)


Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Size = Annotated[int, Field(ge=0, le=10**9)]  # of an axis, as the command line takes it
Quantity = Annotated[float, Field(ge=0, le=1e30, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
# Names become names of files, titles of figures and keys of tables.
Name = Annotated[str, Field(pattern=r"^[\w.+=-]*$", max_length=LONGEST)]
FileName = Annotated[str, Field(pattern=r"^[\w=-]+$", max_length=LONGEST)]
Timestamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
Text = Annotated[str, AfterValidator(_printable)]
