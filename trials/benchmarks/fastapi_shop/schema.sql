-- The baseline's tables, and what this service needs besides: prices, and whose order it is.
CREATE TABLE products (product_id int PRIMARY KEY, name text NOT NULL, price bigint NOT NULL);
CREATE TABLE orders (
    order_id bigserial PRIMARY KEY, customer_id text, total bigint, status text, created_at timestamptz DEFAULT now()
);
CREATE TABLE order_items (
    item_id bigserial PRIMARY KEY, order_id bigint, product_id int, quantity int, unit_price bigint
);
CREATE TABLE stock (product_id int PRIMARY KEY, on_hand bigint) WITH (fillfactor = 50);
CREATE TABLE outbox (event_id bigserial PRIMARY KEY, event text);
INSERT INTO products SELECT i, 'Product ' || i, 255 FROM generate_series(1, 1000) AS i;
INSERT INTO stock SELECT i, 1000000000 FROM generate_series(1, 1000) AS i;
