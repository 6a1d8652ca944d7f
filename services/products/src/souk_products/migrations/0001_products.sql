-- The catalogue. `name_key` is the name folded for order and search; the service folds it, so every server sorts alike.
CREATE TABLE products (
    product_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    search_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (name_key || ' ' || lower(product_id)) STORED,
    description text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX products_by_name ON products (name_key, product_id);

-- The stock ledger, apart from the catalogue: short rows with room beside them, so that the many updates stay on
-- their page and touch no index.
CREATE TABLE stock (
    product_id text COLLATE "C" PRIMARY KEY REFERENCES products,
    on_hand bigint NOT NULL CHECK (on_hand >= 0),
    start bigint NOT NULL,
    corrected bigint NOT NULL DEFAULT 0,
    sold bigint NOT NULL DEFAULT 0,
    returned bigint NOT NULL DEFAULT 0,
    CHECK (start + corrected - sold + returned = on_hand)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- One row an order. `wanted` and `returned` are units by product id; nothing looks inside them here.
CREATE TABLE reservations (
    order_id text COLLATE "C" PRIMARY KEY,
    state varchar(10) NOT NULL CHECK (state IN ('HELD', 'RELEASED', 'REJECTED', 'CANCELLED')),
    held_units bigint NOT NULL CHECK (held_units >= 0),
    wanted json NOT NULL,
    returned json NOT NULL DEFAULT '{}',
    short_items json,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
-- The way that the reconciler walks.
CREATE INDEX reservations_by_age ON reservations (created_at, order_id);

-- Which returns were restocked.
CREATE TABLE returns (
    return_id text COLLATE "C" PRIMARY KEY,
    order_id text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL
);

-- How far the reconciler is, and the orders that had not ended when it passed them.
CREATE TABLE reconciler_checkpoint (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    created_at timestamptz NOT NULL,
    order_id text COLLATE "C" NOT NULL
);
CREATE TABLE reconciler_watched (
    order_id text COLLATE "C" PRIMARY KEY
);
