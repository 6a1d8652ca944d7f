"""A mail as it is written on the wire (RFC 5322).

`EmailMessage` refuses line ends in headers, so that nothing can be injected.
"""

import hashlib
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from souk_notifications.domain import Letter


def compose(sender: Address, to: str, letter: Letter, key: str, at: datetime) -> EmailMessage:
    """The message. Sent again, it has the same Message-ID, by which mail systems know a repeat.

    Raises ValueError where `to` can't stand in a header.
    """
    if not to.isascii() or not to.isprintable() or any(character in to for character in ' ,;<>()[]"\\:'):
        raise ValueError("this is no address that a mail can be sent to")
    message = EmailMessage(policy.SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = letter.subject
    message["Date"] = at
    message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice shall answer
    message.set_content(letter.body)
    return message
