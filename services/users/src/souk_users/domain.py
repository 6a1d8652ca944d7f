"""The rules of signing in. No I/O, no clock."""

import unicodedata
from datetime import timedelta

SESSION_LIFETIME_S = 8 * 3600
"""How long a session's token is good, in seconds: a working day. There is no refresh; one signs in again."""

MAX_FAILURES = 10
"""Failed sign-ins for one e-mail address within `FAILURE_WINDOW`. OWASP ASVS 5.0, 6.3.1 asks for such a limit."""
FAILURE_WINDOW = timedelta(minutes=15)
"""Begins with the first failure. When it is over, the count starts anew: a lock-out always ends."""


def is_blocked(failures: int) -> bool:
    """Whether no further password is compared until the window is over."""
    return failures >= MAX_FAILURES


def email_key(email: str) -> str:
    """The form in which addresses are compared: one account an address, however it is written."""
    return email.lower()


def canonical_password(password: str) -> str:
    """The form that is hashed: the same characters give the same hash from any keyboard (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
