-- The tables of 0.1.0 become tables of records, whose columns are made from `record` when the service starts. A new
-- database has none of them.
DO $$ BEGIN
    IF to_regclass('kept') IS NULL THEN
        RETURN;
    END IF;
    DROP INDEX payments_created;
    ALTER TABLE refunds DROP CONSTRAINT refunds_order_id_fkey, ADD COLUMN record jsonb;
    UPDATE refunds SET record = jsonb_build_object('refund_key', refund_key, 'order_id', order_id,
        'payment_id', payment_id, 'amount_minor', amount_minor, 'currency', currency, 'refund_id', refund_id);
    ALTER TABLE refunds ALTER COLUMN record SET NOT NULL, DROP COLUMN refund_key, DROP COLUMN order_id,
        DROP COLUMN payment_id, DROP COLUMN amount_minor, DROP COLUMN currency, DROP COLUMN refund_id,
        DROP COLUMN created_at;

    ALTER TABLE payments ADD COLUMN record jsonb;
    UPDATE payments p SET record = jsonb_build_object('order_id', order_id, 'state', state, 'currency', currency,
        'created_at', created_at, 'method', method, 'payment_id', payment_id, 'captured_minor', captured_minor,
        'owed_minor', owed_minor, 'refunded_minor', refunded_minor, 'reason', reason,
        'captured_since', CASE WHEN state = 'CAPTURED' THEN created_at END,
        'check_at', (SELECT due_at FROM kept k WHERE k.order_id = p.order_id), 'told_to', said_to);
    ALTER TABLE payments ALTER COLUMN record SET NOT NULL, DROP COLUMN order_id, DROP COLUMN payment_id,
        DROP COLUMN state, DROP COLUMN captured_minor, DROP COLUMN owed_minor, DROP COLUMN refunded_minor,
        DROP COLUMN currency, DROP COLUMN method, DROP COLUMN reason, DROP COLUMN said_to, DROP COLUMN created_at,
        DROP COLUMN updated_at;
    -- The reconciler begins anew: it finds what it has found before, and that changes nothing.
    DROP TABLE kept, reconciler;

    CREATE TABLE sandbox_orders (record jsonb NOT NULL);
    INSERT INTO sandbox_orders (record) SELECT jsonb_build_object('order_id', order_id,
        'charges', jsonb_agg(jsonb_build_object('key', charge_key,
            'payment_id', CASE WHEN declined IS NULL THEN payment_id ELSE '' END, 'amount_minor', amount_minor,
            'currency', currency, 'declined', declined) ORDER BY created_at, charge_key),
        'refunds', coalesce((SELECT jsonb_agg(jsonb_build_object('key', refund_key, 'refund_id', refund_id,
            'amount_minor', amount_minor) ORDER BY created_at, refund_key)
            FROM sandbox.refunds r WHERE r.order_id = c.order_id), '[]'))
        FROM sandbox.charges c GROUP BY order_id;
    DROP SCHEMA sandbox CASCADE;
END $$;
