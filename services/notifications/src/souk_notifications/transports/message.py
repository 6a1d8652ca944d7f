"""A mail as it is written on the wire (RFC 5322).

`EmailMessage` refuses line ends in headers, so that nothing can be injected.
"""

import hashlib
import re
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from souk_notifications.domain import Letter

_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
# Every server takes it; with 8bit, one that does not say 8BITMIME could not be used (RFC 6152).
_POLICY = policy.SMTP.clone(cte_type="7bit")


def is_plain_address(text: str) -> bool:
    """True for one address and nothing more: no name, no quotes, no line end."""
    return _PLAIN_ADDRESS.fullmatch(text) is not None


def compose(sender: Address, to: str, letter: Letter, key: str, at: datetime) -> EmailMessage:
    """The message. Sent again, it has the same Message-ID, by which mail systems know a repeat.

    Raises ValueError where `to` is no plain address.
    """
    if not is_plain_address(to):
        raise ValueError("this is no address that a mail can be sent to")
    message = EmailMessage(_POLICY)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = letter.subject
    message["Date"] = at
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice shall answer
    message.set_content(letter.body)
    return message
