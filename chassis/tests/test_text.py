"""Text that callers bring: what can't be stored or would break a line is refused."""

from typing import Any

import msgspec
import pytest

from souk_chassis.text import Cursor, Email, LongText, Query, ShortText


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ShortText, "Häßliche Tasse \U0001f600"),
        (LongText, "two\nlines\tand a tab\r\n"),
        (Query, ""),
        (Cursor, ""),
        (Cursor, "eyJ-a_b.c~d="),
        (Email, "ada.lovelace+souk@mail.example.org"),
        (Email, "ada@localhost"),
    ],
)
def test_what_is_accepted(kind: Any, text: str) -> None:
    assert msgspec.convert(text, kind) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ShortText, ""),
        (ShortText, "x" * 201),
        (ShortText, "a\x00b"),
        (ShortText, "a\x1b[2J"),
        (ShortText, "a\x7f"),
        (LongText, "x" * 2001),
        (Query, "x" * 101),
        (Cursor, "a b"),
        (Cursor, "a\n"),
        (Email, ""),
        (Email, "ada"),
        (Email, "@example.org"),
        (Email, "ada@"),
        (Email, "ada@example..org"),
        (Email, "ada@example.org\n"),
        (Email, "ada@example.org\nBcc: eve@example.org"),
        (Email, "ada@example.org, eve@example.org"),
        (Email, "Ada <ada@example.org>"),
        (Email, "ädä@example.org"),
        (Email, "a" * 65 + "@example.org"),
        (Email, "a@" + "b." * 126 + "org"),
    ],
)
def test_what_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, kind)
