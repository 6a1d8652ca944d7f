-- A row of the outbox or of a queue is a message: one event, or several of one type in the batch format of CloudEvents.
-- `event_id` is the first one's, `events` how many they are. A row costs the same for one event as for a hundred.

ALTER TABLE outbox ADD COLUMN events integer NOT NULL DEFAULT 1;
ALTER TABLE inbox ADD COLUMN events integer NOT NULL DEFAULT 1;

-- Messages live for a moment: packing them costs more than the room that it saves.
ALTER TABLE outbox ALTER COLUMN event SET STORAGE EXTERNAL;
ALTER TABLE inbox ALTER COLUMN event SET STORAGE EXTERNAL;

-- Rows are fewer and die as fast: dead ones stand at the left edge of the index, where every reader begins.
ALTER TABLE outbox SET (autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_threshold = 10000,
    toast.autovacuum_vacuum_scale_factor = 0.0);
ALTER TABLE inbox SET (autovacuum_vacuum_threshold = 1000, toast.autovacuum_vacuum_threshold = 10000,
    toast.autovacuum_vacuum_scale_factor = 0.0);

-- The function without counts stays for relays of the version before.
CREATE FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamptz)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH fresh AS (
        INSERT INTO inbox_received (event_id, queue, received_at)
        SELECT e, q, at FROM unnest(event_ids, queues) AS given (e, q)
        ON CONFLICT DO NOTHING
        RETURNING event_id, queue
    ), queued AS (
        INSERT INTO inbox (queue, event_id, event, events, visible_at, received_at)
        SELECT q, e, message, n, at, at
        FROM unnest(event_ids, queues, messages, counts) AS given (e, q, message, n)
        JOIN fresh ON fresh.event_id = e AND fresh.queue = q
        ON CONFLICT DO NOTHING
        RETURNING queue
    )
    -- One row, so that every queue's notice is sent: a function stops at its first row.
    SELECT count(pg_notify('souk_inbox', q)::text) FROM (SELECT DISTINCT queue AS q FROM queued) AS woken
$$;

REVOKE ALL ON FUNCTION souk_bus.receive(text[], uuid[], text[], integer[], timestamptz) FROM PUBLIC;

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'souk_bus') THEN
        GRANT EXECUTE ON FUNCTION souk_bus.receive(text[], uuid[], text[], integer[], timestamptz) TO souk_bus;
    END IF;
END $$;
