"""Text that callers bring, bounded, and free of what PostgreSQL can't store."""

from typing import Annotated

import msgspec

PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""No control characters but tab and line ends: PostgreSQL's `text` refuses NUL, and logs should stay readable."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

ShortText = Annotated[str, msgspec.Meta(pattern=PRINTABLE, min_length=1, max_length=200)]
LongText = Annotated[str, msgspec.Meta(pattern=PRINTABLE, max_length=2_000)]
Query = Annotated[str, msgspec.Meta(pattern=PRINTABLE, max_length=100)]
Cursor = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~=-]*(?!\n)$", max_length=500)]
Email = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*(?!\n)$",
        max_length=254,
        description="An e-mail address, as HTML's input type reads one",
    ),
]
