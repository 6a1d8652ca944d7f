"""The rules of accounts and of signing in."""

import string

from hypothesis import given
from hypothesis import strategies as st

from souk_users.domain import MAX_FAILURES, canonical_password, email_key, is_blocked
from souk_users.records import SignIn

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
    assert not is_blocked(MAX_FAILURES - 1)
    assert is_blocked(MAX_FAILURES)


def test_no_hash_is_shown() -> None:
    assert "s3cret-hash" not in repr(SignIn(email_key="a@b.c", user_id="u", password_hash="s3cret-hash"))
