-- order.sql where there is one product: all orders wait for its row.
BEGIN;
INSERT INTO orders (total, status) VALUES (765, 'PENDING') RETURNING order_id \gset
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, 1000, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, 1000, 1, 255);
INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (:order_id, 1000, 1, 255);
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = 1000 AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = 1000 AND on_hand >= 1;
UPDATE stock SET on_hand = on_hand - 1 WHERE product_id = 1000 AND on_hand >= 1;
INSERT INTO outbox (event) VALUES ('{"type":"OrderCreated"}');
END;
