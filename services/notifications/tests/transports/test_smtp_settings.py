"""Reading the way that mails go, the mail server's address and the sender."""

import pytest

from souk_chassis.config import ConfigError, read_config
from souk_notifications.transports.smtp_settings import MailConfig, SmtpServer, read_sender, read_server


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 25, None, None, tls=False, starttls=None)),
        ("smtp://mail.example.org:2525/", SmtpServer("mail.example.org", 2525, None, None, tls=False, starttls=None)),
        ("smtp+starttls://m.example", SmtpServer("m.example", 587, None, None, tls=False, starttls=True)),
        ("smtps://u:p%40ss%2F@m.example", SmtpServer("m.example", 465, "u", "p@ss/", tls=True, starttls=False)),
        ("smtp://u:p@127.0.0.1:1025", SmtpServer("127.0.0.1", 1025, "u", "p", tls=False, starttls=None)),
        ("smtp://[::1]:1025", SmtpServer("::1", 1025, None, None, tls=False, starttls=None)),
    ],
)
def test_an_address_is_read(url: str, server: SmtpServer) -> None:
    assert read_server(url) == server


def test_a_password_leaves_this_machine_over_tls_alone() -> None:
    assert read_server("smtp://u:p@mail.example.org").starttls is True


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://user@mail.example.org",
        "smtp://mail.example.org:port",
        "smtp://mail.example.org:99999",
        "smtp://u:s3cret@mail.example.org/path",
        "smtp://u:s3cret@mail.example.org?x=1",
        "smtp://u:s3cret@[mail",
    ],
)
def test_what_is_no_address_is_refused_by_name_and_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="SOUK_SMTP_URL") as caught:
        read_server(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_no_password_is_shown() -> None:
    assert "s3cret" not in repr(read_server("smtps://u:s3cret@m.example"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop@example.org", "shop@example.org"),
        ("The Shop <shop@example.org>", "The Shop <shop@example.org>"),
        ('"Shop, The" <shop@example.org>', '"Shop, The" <shop@example.org>'),
    ],
)
def test_a_sender_is_read(text: str, shown: str) -> None:
    assert str(read_sender(text)) == shown


@pytest.mark.parametrize(
    "text",
    [None, "", "shop", "@example.org", "shop@", "sh\u00f6p@example.org", "a@b.c\nBcc: x@y.z", "a..b@c.d", "a@.."],
)
def test_what_is_no_sender_is_refused(text: str | None) -> None:
    with pytest.raises(ConfigError, match="SOUK_MAIL_FROM"):
        read_sender(text)


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({}, "mailbox"),
        ({"SOUK_SMTP_URL": "smtp://m.example"}, "smtp"),
        ({"SOUK_MAIL_TRANSPORT": ""}, "mailbox"),
        ({"SOUK_MAIL_TRANSPORT": "mailbox"}, "mailbox"),
        ({"SOUK_MAIL_TRANSPORT": "ses"}, "ses"),
        ({"SOUK_MAIL_TRANSPORT": "smtp", "SOUK_SMTP_URL": "smtp://m.example"}, "smtp"),
    ],
)
def test_the_way_is_the_one_that_was_asked_for(environment: dict[str, str], way: str) -> None:
    assert read_config(MailConfig, environment).way == way


@pytest.mark.parametrize(
    "environment",
    [
        {"SOUK_MAIL_TRANSPORT": "pigeon"},
        {"SOUK_MAIL_TRANSPORT": "smtp"},
        {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_SMTP_URL": "smtp://u:s3cret@m.example"},
        {"SOUK_MAIL_TRANSPORT": "mailbox", "SOUK_SMTP_URL": "smtp://u:s3cret@m.example"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="SOUK_MAIL_TRANSPORT") as caught:
        assert read_config(MailConfig, environment).way
    assert "s3cret" not in str(caught.value)
