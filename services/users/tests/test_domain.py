"""The rules of accounts and of signing in."""

import string
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from souk_users.domain import MAX_FAILURES, Account, SignIn, User, canonical_password, email_key

ADDRESSES = st.text(string.ascii_letters + string.digits + ".+@", min_size=3)


@given(ADDRESSES, st.randoms(use_true_random=False))
def test_addresses_that_differ_in_case_alone_are_one(address: str, random: object) -> None:
    scrambled = "".join(random.choice([c.upper(), c.lower()]) for c in address)  # type: ignore[attr-defined] # a Random
    assert email_key(scrambled) == email_key(address)


@given(ADDRESSES)
def test_the_key_of_a_key_is_itself(address: str) -> None:
    assert email_key(email_key(address)) == email_key(address)


def test_a_password_is_the_same_from_any_keyboard() -> None:
    composed, decomposed = "caf\u00e9-latte", "cafe\u0301-latte"
    assert canonical_password(composed) == canonical_password(decomposed)


def test_a_password_keeps_its_case_and_its_spaces() -> None:
    assert canonical_password(" Secret Word ") == " Secret Word "


def test_blocked_from_the_last_allowed_failure_on() -> None:
    assert not SignIn("u", "hash", MAX_FAILURES - 1).is_blocked
    assert SignIn("u", "hash", MAX_FAILURES).is_blocked
    assert SignIn(None, None, MAX_FAILURES).is_blocked


def test_no_hash_is_shown() -> None:
    user = User("u", "a@b.c", "A", datetime(2025, 1, 1, tzinfo=UTC))
    assert "s3cret-hash" not in repr(Account(user, "s3cret-hash"))
    assert "s3cret-hash" not in repr(SignIn("u", "s3cret-hash", 0))
