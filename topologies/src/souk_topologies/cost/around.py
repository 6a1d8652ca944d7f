"""What every topology pays for around its services: mails, logs, alarms, keys, secrets, messages, answers."""

from decimal import ROUND_CEILING, Decimal

from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.load import HOURS, SECONDS, Load
from souk_topologies.cost.parts import GB, Bill
from souk_topologies.cost.saga import Saga

MAILER = "notifications"
"""The service whose outside system is the mail."""
_CHUNK_BYTES = Decimal(65_536)
_LOG_MONTHS_KEPT = Decimal(1)


def writes_per_order(assumed: Assumptions) -> Decimal:
    """Requests of an order that change something: placing, what the staff does, signing in."""
    return 1 + assumed.staff_requests_per_order + assumed.sign_ins_per_order


def requests_per_order(load: Load, assumed: Assumptions) -> Decimal:
    """All HTTP requests that come with an order."""
    return writes_per_order(assumed) + load.reads_per_order


def add_outside(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> None:
    """Bytes to the internet, and mails."""
    read = load.reads_per_order * assumed.response_bytes_per_read
    written = writes_per_order(assumed) * assumed.response_bytes_per_write
    bill.add("Internet: answers", load.orders * (read + written) / GB, "internet_gb")
    mails = sum((each.per_order for each in saga.heard if each.by == MAILER), Decimal(0))
    bill.add("SES: mails", load.orders * mails, "ses_mail")


def add_watching(bill: Bill, log_bytes: Decimal, alarms: Decimal) -> None:
    """Logs, of so many bytes a month and kept for a month, and alarms."""
    bill.add("CloudWatch: logs taken in", log_bytes / GB, "logs_ingested_gb")
    bill.add("CloudWatch: logs kept", log_bytes * _LOG_MONTHS_KEPT / GB, "logs_stored_gb")
    bill.add("CloudWatch: alarms", alarms, "alarm")


def add_keys(bill: Bill, keys: Decimal, users: Decimal, secrets: Decimal, assumed: Assumptions) -> None:
    """Keys of one's own, what `users` of them ask for, and secrets."""
    bill.add("KMS: keys", keys, "kms_key")
    bill.add("KMS: requests", users * assumed.kms_requests_per_hour * HOURS, "kms_request")
    bill.add("Secrets Manager: secrets", secrets, "secret")
    bill.add("Secrets Manager: requests", assumed.secret_requests, "secret_request")


def add_messages(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> None:
    """SNS, which bills what is published, and SQS, which bills sending, receiving and deleting, and empty looks."""
    size = assumed.event_bytes + assumed.event_bytes_per_line * load.lines
    chunks = (size / _CHUNK_BYTES).to_integral_value(ROUND_CEILING)
    published = sum((each.per_order for each in saga.published), Decimal(0))
    bill.add("SNS: events published", load.orders * published * chunks, "sns_publish")
    heard = sum((each.per_order for each in saga.heard), Decimal(0))
    batched = 2 / assumed.events_per_batch
    bill.add("SQS: events sent, received, deleted", load.orders * heard * chunks * (1 + batched), "sqs_request")
    looks = SECONDS / assumed.long_poll_s
    bill.add("SQS: looks at empty queues", saga.queues * assumed.pollers_per_queue * looks, "sqs_request")
