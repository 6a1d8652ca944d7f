CREATE TABLE orders (order_id bigserial PRIMARY KEY, total bigint, status text, created_at timestamptz DEFAULT now());
CREATE TABLE order_items (item_id bigserial PRIMARY KEY, order_id bigint, product_id int, quantity int, unit_price bigint);
CREATE TABLE stock (product_id int PRIMARY KEY, on_hand bigint) WITH (fillfactor = 50);
CREATE TABLE outbox (event_id bigserial PRIMARY KEY, event text);
CREATE TABLE history_lines
    (line_id bigserial PRIMARY KEY, order_id text, line_number int, product_id text, quantity int, unit_price decimal(10, 2));
INSERT INTO stock SELECT i, 1000000000 FROM generate_series(1, 1000) AS i;
