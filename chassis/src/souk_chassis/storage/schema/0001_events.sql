-- The outbox that events leave by, the queues that they wait in, and the ids of those that came in.
-- Keys are UUIDv7 in the order of time, so inserts go to the right edge of each index and readers to the left.

CREATE TABLE outbox (
    event_id uuid PRIMARY KEY,
    type text NOT NULL,
    event text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000);

CREATE TABLE inbox (
    queue text COLLATE "C" NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    visible_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (queue, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_threshold = 1000000, fillfactor = 70);

-- What makes a delivery at least once effective once. Kept longer than any relay repeats itself.
CREATE TABLE inbox_received (
    event_id uuid NOT NULL,
    queue text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, queue)
);
CREATE INDEX inbox_received_at ON inbox_received USING brin (received_at);

CREATE TABLE dead_letters (
    queue text COLLATE "C" NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    died_at timestamptz NOT NULL,
    PRIMARY KEY (queue, event_id)
);

-- Relays of other services come in as the role souk_bus, which may call this one function and nothing else.
CREATE SCHEMA souk_bus;

CREATE FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH fresh AS (
        INSERT INTO inbox_received (event_id, queue, received_at)
        SELECT e, q, at FROM unnest(event_ids, queues) AS given (e, q)
        ON CONFLICT DO NOTHING
        RETURNING event_id, queue
    ), queued AS (
        INSERT INTO inbox (queue, event_id, event, visible_at, received_at)
        SELECT q, e, body, at, at
        FROM unnest(event_ids, queues, events) AS given (e, q, body)
        JOIN fresh ON fresh.event_id = e AND fresh.queue = q
        ON CONFLICT DO NOTHING
        RETURNING queue
    )
    -- One row, so that every queue's notice is sent: a function stops at its first row.
    SELECT count(pg_notify('souk_inbox', q)::text) FROM (SELECT DISTINCT queue AS q FROM queued) AS woken
$$;

REVOKE ALL ON FUNCTION souk_bus.receive FROM PUBLIC;

DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'souk_bus') THEN
        GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
        GRANT EXECUTE ON FUNCTION souk_bus.receive TO souk_bus;
    END IF;
END $$;
