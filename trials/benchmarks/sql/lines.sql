-- Order lines in transactions of 21, the average of the history. The values are drawn: prepared statements need the same text.
\set order_number random(536365, 565080)
\set product random(10000, 90000)
\set quantity random(1, 24)
\set price_minor random(25, 1695)
BEGIN;
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 1, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 2, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 3, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 4, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 5, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 6, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 7, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 8, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 9, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 10, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 11, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 12, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 13, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 14, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 15, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 16, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 17, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 18, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 19, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 20, :product::text, :quantity, :price_minor / 100.0);
INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES (:order_number::text, 21, :product::text, :quantity, :price_minor / 100.0);
END;
