"""What all the shop's contracts are made of: quantities, pages, books."""

from typing import Annotated

import msgspec

from souk_chassis.text import Cursor
from souk_chassis.wire import Message

MAX_QUANTITY = 1_000_000
"""The most units of one order line, of one stock correction, and the default stock of a replayed product."""
MAX_STOCK = 1_000_000_000
"""The most units of one product in stock."""
MAX_LINES = 2_000
"""The most lines of one order. Real orders reach 1,114."""
MAX_BOOK_PAGE = 5_000
"""The most entries on a page of a service's books."""

Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY, description="Units, 1 to 1,000,000")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="Entries on a page, 1 to 200")]
BookLimit = Annotated[int, msgspec.Meta(ge=1, le=MAX_BOOK_PAGE, description="Entries on a page, 1 to 5,000")]


class BookRequest(Message, frozen=True, kw_only=True):
    """A page of a service's books, in the order of their keys."""

    limit: BookLimit = MAX_BOOK_PAGE
    cursor: Cursor | None = None
