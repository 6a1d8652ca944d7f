"""Mails as they are written on the wire."""

from email import message_from_bytes, policy
from email.headerregistry import Address

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.testing.clock import ManualClock
from souk_chassis.text import Email
from souk_notifications.domain import Letter
from souk_notifications.transports.message import compose

SENDER = Address("The Shop", addr_spec="shop@example.org")
AT = ManualClock().now()
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}


def test_it_is_a_plain_mail_with_a_date_and_an_id() -> None:
    message = compose(SENDER, "ada@example.org", Letter("Subject", "Gr\u00fc\u00dfe\n"), "order:1:confirmed", AT)
    read = message_from_bytes(bytes(message), policy=policy.default)
    assert (read["From"], read["To"], read["Subject"]) == ("The Shop <shop@example.org>", "ada@example.org", "Subject")
    assert read["Date"].datetime == AT
    assert read["Message-ID"].endswith("@example.org>")
    assert read.get_content() == "Gr\u00fc\u00dfe\r\n"
    assert bytes(message).isascii()


def test_the_id_is_of_the_key_alone() -> None:
    one = compose(SENDER, "a@b.c", Letter("S", "B"), "order:1:confirmed", AT)
    again = compose(SENDER, "x@y.z", Letter("T", "C"), "order:1:confirmed", AT)
    other = compose(SENDER, "a@b.c", Letter("S", "B"), "order:2:confirmed", AT)
    assert one["Message-ID"] == again["Message-ID"] != other["Message-ID"]


@pytest.mark.parametrize(
    "to",
    [
        "ada@example.org",
        "a.b+c@example.org",
        "first..last@example.org",
        ".odd.@example.org",
        "o'neil{x}|~@e.org",
        "a@b.example",
    ],
)
def test_every_address_that_the_shop_takes_can_be_written_to(to: str) -> None:
    msgspec.convert(to, Email)
    message = compose(SENDER, to, Letter("S", "B"), "k", AT)
    assert f"\r\nTo: {to}\r\n".encode() in b"\r\n" + bytes(message)


@pytest.mark.parametrize(
    "to",
    [
        "",
        "a@b.c\r\nBcc: eve@example.org",
        "a@b.c\n",
        "a@b.c,eve@example.org",
        "A <a@b.c>",
        "a@b.c x",
        "\u00e4@b.c",
        "a\x00@b.c",
    ],
)
def test_what_is_no_single_plain_address_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compose(SENDER, to, Letter("S", "B"), "k", AT)


@given(subject=st.text(max_size=300), body=st.text(max_size=300), to=st.text(max_size=60))
def test_no_text_adds_a_header_or_ends_the_mail(subject: str, body: str, to: str) -> None:
    try:
        message = compose(SENDER, to, Letter(subject, body), "k", AT)
    except ValueError:
        return
    written = bytes(message)
    head = written.split(b"\r\n\r\n", 1)[0].decode("ascii")
    names = [line.split(":", 1)[0] for line in head.split("\r\n") if not line.startswith((" ", "\t"))]
    assert sorted(names) == sorted(HEADERS)
