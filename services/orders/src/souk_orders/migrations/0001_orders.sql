-- Orders and their lines. Amounts are decimals in the table and minor units in the program.

CREATE TABLE orders (
    order_id text COLLATE "C" PRIMARY KEY,
    customer_id varchar(64) COLLATE "C",
    total_amount decimal(10, 2) NOT NULL,
    status varchar(20) NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    currency char(3) NOT NULL,
    email text,
    payment_method text NOT NULL,
    prices_cached boolean NOT NULL,
    fingerprint bytea NOT NULL,
    history jsonb NOT NULL,
    short_items jsonb,
    units bigint NOT NULL,
    returned_units bigint NOT NULL DEFAULT 0,
    returned_amount decimal(10, 2) NOT NULL DEFAULT 0,
    looked_at timestamptz
) WITH (fillfactor = 80);

CREATE INDEX orders_customer ON orders (customer_id, created_at DESC, order_id DESC);
CREATE INDEX orders_status ON orders (status, created_at DESC, order_id DESC);
CREATE INDEX orders_newest ON orders (created_at DESC, order_id DESC);

CREATE TABLE order_items (
    item_id integer NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    product_id text COLLATE "C" NOT NULL,
    quantity integer NOT NULL,
    unit_price decimal(10, 2) NOT NULL,
    returned integer NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, item_id)
);

-- What makes a repeated request safe. The scope is whose key it is.
CREATE TABLE order_keys (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

-- Returns that were accepted. The key makes a repeated request safe.
CREATE TABLE order_returns (
    return_id text COLLATE "C" PRIMARY KEY,
    order_id text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    fingerprint bytea NOT NULL,
    refund_amount decimal(10, 2) NOT NULL,
    status varchar(20) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX order_returns_order ON order_returns (order_id, key);
