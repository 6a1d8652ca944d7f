\set a random(1, 1000)
\set b random(1, 1000)
\set c random(1, 1000)
\set lo least(:a, :b, :c)
\set hi greatest(:a, :b, :c)
\set mid :a + :b + :c - :lo - :hi
BEGIN;
INSERT INTO orders (total, status) VALUES (765, 'PENDING') RETURNING order_id \gset
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, :a, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, :b, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, :c, 1, 255);
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = :lo AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = :mid AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = :hi AND on_hand >= 1;
INSERT INTO outbox (event) VALUES ('{"type":"OrderCreated"}');
END;
