"""The notifications service: mails customers what became of their orders."""
