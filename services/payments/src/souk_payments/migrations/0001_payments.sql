-- A payment an order, and the refunds that were decided (refund_id is null until the provider has done one).
-- created_at is the clock of the service; the reconciler reads payments in that order. said_to is the last event that
-- asked for the outcome and was answered.

CREATE TABLE payments (
    order_id text COLLATE "C" PRIMARY KEY,
    payment_id text,
    state text NOT NULL,
    captured_minor bigint NOT NULL DEFAULT 0,
    owed_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    currency text NOT NULL,
    method text,
    reason text,
    said_to uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (state IN ('CAPTURED', 'DECLINED', 'CANCELLED', 'REFUNDED')),
    CHECK (0 <= refunded_minor AND refunded_minor <= owed_minor AND owed_minor <= captured_minor)
);
CREATE INDEX payments_created ON payments (created_at, order_id);

CREATE TABLE refunds (
    refund_key text COLLATE "C" PRIMARY KEY,
    order_id text COLLATE "C" NOT NULL REFERENCES payments (order_id),
    payment_id text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL,
    refund_id text,
    created_at timestamptz NOT NULL
);

-- How far the reconciler has come (one row), and the payments that it is to look at again.
CREATE TABLE reconciler (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    created_at timestamptz NOT NULL,
    order_id text COLLATE "C" NOT NULL
);
CREATE TABLE kept (
    order_id text COLLATE "C" PRIMARY KEY,
    due_at timestamptz NOT NULL
);
