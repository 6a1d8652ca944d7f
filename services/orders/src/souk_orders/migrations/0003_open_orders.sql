-- The orders that are on their way, apart from all that were: counting them and finding those that have stuck costs the
-- same however many are stored. `since` is when an order last moved, or was last asked after.
CREATE TABLE open_orders (
    order_id text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000);

INSERT INTO open_orders
SELECT order_id, greatest(updated_at, looked_at) FROM orders WHERE status IN ('PENDING', 'RESERVED');

ALTER TABLE orders DROP COLUMN looked_at;

-- Keys are forgotten when no honest caller repeats himself any more.
CREATE INDEX order_keys_age ON order_keys USING brin (created_at);
