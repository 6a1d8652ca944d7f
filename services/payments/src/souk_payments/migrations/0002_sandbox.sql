-- The books of the sandbox provider. They stand for an outside system's: the service's own statements never touch them.

CREATE SCHEMA sandbox;

CREATE TABLE sandbox.charges (
    order_id text COLLATE "C" NOT NULL,
    charge_key text COLLATE "C" NOT NULL,
    payment_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    method text NOT NULL,
    declined text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, charge_key)
);

CREATE TABLE sandbox.refunds (
    order_id text COLLATE "C" NOT NULL,
    refund_key text COLLATE "C" NOT NULL,
    refund_id text NOT NULL,
    amount_minor bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, refund_key)
);
