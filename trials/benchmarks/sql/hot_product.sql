-- The hot product is the last of 1,000. Its row is locked last, so that it is held for as short as can be.
\set a random(1, 999)
\set b random(1, 999)
\set lo least(:a, :b)
\set hi greatest(:a, :b)
BEGIN;
INSERT INTO orders (total, status) VALUES (765, 'PENDING') RETURNING order_id \gset
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, :a, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, :b, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, 1000, 1, 255);
INSERT INTO outbox (event) VALUES ('{"type":"OrderCreated"}');
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = :lo AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = :hi AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = 1000 AND on_hand >= 1;
END;
