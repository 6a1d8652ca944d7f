-- The table of 0.1.0 becomes a table of records, whose columns are made from `record` when the service starts. A new
-- database does not have it.
DO $$ BEGIN
    IF to_regclass('mails') IS NULL THEN
        RETURN;
    END IF;
    DROP INDEX mails_by_order, mails_by_customer;
    ALTER TABLE mails ADD COLUMN record jsonb;
    UPDATE mails SET record = jsonb_build_object('mail_key', mail_key, 'mail_id', mail_id, 'kind', kind,
        'order_id', order_id, 'customer_id', customer_id, 'to', recipient, 'subject', subject, 'body', body,
        'status', status, 'created_at', created_at);
    ALTER TABLE mails ALTER COLUMN record SET NOT NULL, DROP COLUMN mail_id, DROP COLUMN mail_key, DROP COLUMN kind,
        DROP COLUMN order_id, DROP COLUMN customer_id, DROP COLUMN recipient, DROP COLUMN subject, DROP COLUMN body,
        DROP COLUMN status, DROP COLUMN created_at;
END $$;
