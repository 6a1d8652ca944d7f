"""What the users service keeps."""

from datetime import datetime

from souk_chassis.record import Record


class User(Record, key="user_id"):
    """What others may see of an account. `email` is as the customer wrote it."""

    user_id: str
    email: str
    name: str
    created_at: datetime


class SignIn(Record, key="email_key"):
    """Whose an e-mail address is, in the form in which addresses are compared, and the hash of the password."""

    email_key: str
    user_id: str
    password_hash: str

    def __repr__(self) -> str:
        return f"SignIn(user_id={self.user_id!r})"  # no hash in a log or a traceback


class SignInFailures(Record, key="email_key", expires="ends_at", plural="SignInFailures"):
    """Failed sign-ins for an address in one window, with or without an account: a count that tells apart what exists
    would tell it to anyone."""

    email_key: str
    count: int
    ends_at: datetime
