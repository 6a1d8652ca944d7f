-- Every order is of three units of the one product. Its row is locked last, so that it is held for as short as can be.
BEGIN;
INSERT INTO orders (total, status) VALUES (765, 'PENDING') RETURNING order_id \gset
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, 1000, 3, 255);
INSERT INTO outbox (event) VALUES ('{"type":"OrderCreated"}');
UPDATE stock SET on_hand = on_hand - 3 WHERE product_id = 1000 AND on_hand >= 3;
END;
