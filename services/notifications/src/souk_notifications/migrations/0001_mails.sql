-- Mails as they went out. `mail_key` says which event a mail tells of, so that each is written once.
-- `mail_id` is a UUIDv7: its order is that of time, and the newest are at the right edge of each index.
CREATE TABLE mails (
    mail_id uuid PRIMARY KEY,
    mail_key text COLLATE "C" NOT NULL UNIQUE,
    kind text NOT NULL,
    order_id text COLLATE "C",
    customer_id text COLLATE "C",
    recipient text,
    subject text NOT NULL,
    body text NOT NULL,
    status text NOT NULL CHECK (status IN ('SENT', 'NO_ADDRESS', 'REFUSED')),
    created_at timestamptz NOT NULL
);
-- An order's mails, and the books, which need no more than this index.
CREATE INDEX mails_by_order ON mails (order_id, mail_id) INCLUDE (kind) WHERE order_id IS NOT NULL;
CREATE INDEX mails_by_customer ON mails (customer_id, mail_id) WHERE customer_id IS NOT NULL;
