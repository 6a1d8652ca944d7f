SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA souk_bus;
CREATE FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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
CREATE FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.dead_letters (
    queue text NOT NULL COLLATE pg_catalog."C",
    event_id uuid NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    died_at timestamp with time zone NOT NULL
);
CREATE TABLE public.failed_sign_ins (
    email_key text NOT NULL COLLATE pg_catalog."C",
    failures integer NOT NULL,
    since timestamp with time zone NOT NULL
);
CREATE TABLE public.inbox (
    queue text NOT NULL COLLATE pg_catalog."C",
    event_id uuid NOT NULL,
    event text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    visible_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    events integer DEFAULT 1 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_threshold='1000000', fillfactor='70', autovacuum_vacuum_threshold='1000', toast.autovacuum_vacuum_threshold='10000', toast.autovacuum_vacuum_scale_factor='0.0');
ALTER TABLE ONLY public.inbox ALTER COLUMN event SET STORAGE EXTERNAL;
CREATE TABLE public.inbox_received (
    event_id uuid NOT NULL,
    queue text NOT NULL COLLATE pg_catalog."C",
    received_at timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    event_id uuid NOT NULL,
    type text NOT NULL,
    event text NOT NULL,
    events integer DEFAULT 1 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_threshold='1000000', autovacuum_vacuum_threshold='1000', toast.autovacuum_vacuum_threshold='10000', toast.autovacuum_vacuum_scale_factor='0.0');
ALTER TABLE ONLY public.outbox ALTER COLUMN event SET STORAGE EXTERNAL;
CREATE TABLE public.schema_migrations (
    component text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.users (
    user_id text NOT NULL COLLATE pg_catalog."C",
    email text NOT NULL,
    email_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
INSERT INTO public.failed_sign_ins VALUES
	('bob@example.org', 1, '2026-12-01 18:35:29.750809+00');
INSERT INTO public.schema_migrations VALUES
	('chassis', '0001_events.sql', '5ae91d6ae56bbad949e1fcb286cd19d1befd8e6e59f55151276de63f557c20a4', '2026-12-01 18:35:21.059265+00'),
	('chassis', '0002_messages.sql', '9cbcf469e46f5d13c66ca1218ab5ead37d88e6a1ecc4ca627f2dce979554debf', '2026-12-01 18:35:21.114973+00'),
	('users', '0001_users.sql', 'bd780b6ebde7091e5fd7f9aeeb579d918f623a06a3ac7f056a0b62ca669a53fe', '2026-12-01 18:35:21.134061+00');
INSERT INTO public.users VALUES
	('01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'ann@example.org', 'Ann', '$argon2id$v=19$m=65536,t=3,p=4$ONMTlmuw+CiieLclf4ZwrA$33xn5Vg+1D7YwVKH3JOX6c06zMLeM2BlNQE0YzuBJWY', '2026-12-01 18:35:27.517766+00', '2026-12-01 18:35:27.517766+00'),
	('01a232e3-ee76-7df8-bc29-2d7873f03ac5', 'bob@example.org', 'bob@example.org', 'Bob', '$argon2id$v=19$m=65536,t=3,p=4$ooydQCqkKShOfv0oC+ptQA$N+TanRlenbnhDC9YTMrXRVVKU66O2v42jP77ge+U3EY', '2026-12-01 18:35:28.246908+00', '2026-12-01 18:35:28.246908+00');
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.failed_sign_ins
    ADD CONSTRAINT failed_sign_ins_pkey PRIMARY KEY (email_key);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox_received
    ADD CONSTRAINT inbox_received_pkey PRIMARY KEY (event_id, queue);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (component, name);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key_key UNIQUE (email_key);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);
CREATE INDEX failed_sign_ins_since ON public.failed_sign_ins USING btree (since);
CREATE INDEX inbox_received_at ON public.inbox_received USING brin (received_at);
GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) TO souk_bus;
