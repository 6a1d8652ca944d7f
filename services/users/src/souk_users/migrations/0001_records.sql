-- The tables of 0.1.0 become tables of records, whose columns are made from `record` when the service starts. A new
-- database has none of them.
DO $$ BEGIN
    IF to_regclass('failed_sign_ins') IS NULL THEN
        RETURN;
    END IF;
    CREATE TABLE sign_ins (record jsonb NOT NULL);
    INSERT INTO sign_ins (record) SELECT jsonb_build_object('email_key', email_key, 'user_id', user_id,
        'password_hash', password_hash) FROM users;
    ALTER TABLE users ADD COLUMN record jsonb;
    UPDATE users SET record = jsonb_build_object('user_id', user_id, 'email', email, 'name', name,
        'created_at', created_at);
    ALTER TABLE users ALTER COLUMN record SET NOT NULL, DROP COLUMN user_id, DROP COLUMN email, DROP COLUMN email_key,
        DROP COLUMN name, DROP COLUMN password_hash, DROP COLUMN created_at, DROP COLUMN updated_at;
    ALTER TABLE failed_sign_ins RENAME TO sign_in_failures;
    ALTER TABLE sign_in_failures ADD COLUMN record jsonb;
    UPDATE sign_in_failures SET record = jsonb_build_object('email_key', email_key, 'count', failures,
        'ends_at', since + interval '15 minutes');
    ALTER TABLE sign_in_failures ALTER COLUMN record SET NOT NULL, DROP COLUMN email_key, DROP COLUMN failures,
        DROP COLUMN since;
END $$;
