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
CREATE SCHEMA sandbox;
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
CREATE TABLE public.kept (
    order_id text NOT NULL COLLATE pg_catalog."C",
    due_at timestamp with time zone NOT NULL
);
CREATE TABLE public.outbox (
    event_id uuid NOT NULL,
    type text NOT NULL,
    event text NOT NULL,
    events integer DEFAULT 1 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_threshold='1000000', autovacuum_vacuum_threshold='1000', toast.autovacuum_vacuum_threshold='10000', toast.autovacuum_vacuum_scale_factor='0.0');
ALTER TABLE ONLY public.outbox ALTER COLUMN event SET STORAGE EXTERNAL;
CREATE TABLE public.payments (
    order_id text NOT NULL COLLATE pg_catalog."C",
    payment_id text,
    state text NOT NULL,
    captured_minor bigint DEFAULT 0 NOT NULL,
    owed_minor bigint DEFAULT 0 NOT NULL,
    refunded_minor bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    method text,
    reason text,
    said_to uuid,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT payments_check CHECK (((0 <= refunded_minor) AND (refunded_minor <= owed_minor) AND (owed_minor <= captured_minor))),
    CONSTRAINT payments_state_check CHECK ((state = ANY (ARRAY['CAPTURED'::text, 'DECLINED'::text, 'CANCELLED'::text, 'REFUNDED'::text])))
);
CREATE TABLE public.reconciler (
    one boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    order_id text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT reconciler_one_check CHECK (one)
);
CREATE TABLE public.refunds (
    refund_key text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    refund_id text,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT refunds_amount_minor_check CHECK ((amount_minor > 0))
);
CREATE TABLE public.schema_migrations (
    component text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE sandbox.charges (
    order_id text NOT NULL COLLATE pg_catalog."C",
    charge_key text NOT NULL COLLATE pg_catalog."C",
    payment_id text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    method text NOT NULL,
    declined text,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE sandbox.refunds (
    order_id text NOT NULL COLLATE pg_catalog."C",
    refund_key text NOT NULL COLLATE pg_catalog."C",
    refund_id text NOT NULL,
    amount_minor bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);
INSERT INTO public.payments VALUES
	('guest-order', 'sbx_01a232e3-f5d6-7796-9b4a-9dbc1ab11e36', 'CAPTURED', 1330, 0, 0, 'GBP', 'tok_ok', NULL, NULL, '2026-12-01 18:35:30.174908+00', '2026-12-01 18:35:30.174908+00'),
	('01a232e3-f877-716f-bef6-15f34640d8f8', NULL, 'DECLINED', 0, 0, 0, 'GBP', 'tok_declined', 'card_declined', NULL, '2026-12-01 18:35:30.864016+00', '2026-12-01 18:35:30.864016+00'),
	('01a232e3-f6da-760c-9e5c-aa227860e535', 'sbx_01a232e3-f73b-7533-8afe-b8987d7db81c', 'REFUNDED', 3325, 3325, 3325, 'GBP', 'tok_ok', NULL, NULL, '2026-12-01 18:35:30.523582+00', '2026-12-01 18:35:33.977792+00'),
	('01a232e3-f4f7-71ad-983f-487623b3a2bd', 'sbx_01a232e3-f5ed-7d7a-8fca-a13e4e1da6fd', 'CAPTURED', 3270, 665, 665, 'GBP', 'tok_ok', NULL, NULL, '2026-12-01 18:35:30.203654+00', '2026-12-01 18:35:34.068502+00');
INSERT INTO public.refunds VALUES
	('cancel:01a232e3-f6da-760c-9e5c-aa227860e535', '01a232e3-f6da-760c-9e5c-aa227860e535', 'sbx_01a232e3-f73b-7533-8afe-b8987d7db81c', 3325, 'GBP', 'sbr_01a232e4-04cf-7867-9b6b-c6ed68ffa13c', '2026-12-01 18:35:33.892091+00'),
	('return:01a232e4-04ce-75ec-a278-ead8d0d23158', '01a232e3-f4f7-71ad-983f-487623b3a2bd', 'sbx_01a232e3-f5ed-7d7a-8fca-a13e4e1da6fd', 665, 'GBP', 'sbr_01a232e4-052b-7cae-a033-e1c67589e1ab', '2026-12-01 18:35:34.006003+00');
INSERT INTO public.schema_migrations VALUES
	('chassis', '0001_events.sql', '5ae91d6ae56bbad949e1fcb286cd19d1befd8e6e59f55151276de63f557c20a4', '2026-12-01 18:35:21.051046+00'),
	('chassis', '0002_messages.sql', '9cbcf469e46f5d13c66ca1218ab5ead37d88e6a1ecc4ca627f2dce979554debf', '2026-12-01 18:35:21.130981+00'),
	('payments', '0001_payments.sql', 'c58e616b1bae150056b9cbda14527fb22ab5cbdc5312c844e93a3253b137f92c', '2026-12-01 18:35:21.1471+00'),
	('payments', '0002_sandbox.sql', 'f96415379fcca3bbbc7668955948898c4ae7ce4eedb563e87e6242526ec59ac2', '2026-12-01 18:35:21.202995+00');
INSERT INTO sandbox.charges VALUES
	('guest-order', 'guest-order', 'sbx_01a232e3-f5d6-7796-9b4a-9dbc1ab11e36', 1330, 'GBP', 'tok_ok', NULL, '2026-12-01 18:35:30.142357+00'),
	('01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-f4f7-71ad-983f-487623b3a2bd', 'sbx_01a232e3-f5ed-7d7a-8fca-a13e4e1da6fd', 3270, 'GBP', 'tok_ok', NULL, '2026-12-01 18:35:30.158296+00'),
	('01a232e3-f6da-760c-9e5c-aa227860e535', '01a232e3-f6da-760c-9e5c-aa227860e535', 'sbx_01a232e3-f73b-7533-8afe-b8987d7db81c', 3325, 'GBP', 'tok_ok', NULL, '2026-12-01 18:35:30.49144+00'),
	('01a232e3-f877-716f-bef6-15f34640d8f8', '01a232e3-f877-716f-bef6-15f34640d8f8', 'sbx_01a232e3-f8a8-7ab3-91a8-818669180409', 665, 'GBP', 'tok_declined', 'card_declined', '2026-12-01 18:35:30.856717+00');
INSERT INTO sandbox.refunds VALUES
	('01a232e3-f6da-760c-9e5c-aa227860e535', 'cancel:01a232e3-f6da-760c-9e5c-aa227860e535', 'sbr_01a232e4-04cf-7867-9b6b-c6ed68ffa13c', 3325, '2026-12-01 18:35:33.967556+00'),
	('01a232e3-f4f7-71ad-983f-487623b3a2bd', 'return:01a232e4-04ce-75ec-a278-ead8d0d23158', 'sbr_01a232e4-052b-7cae-a033-e1c67589e1ab', 665, '2026-12-01 18:35:34.059822+00');
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox_received
    ADD CONSTRAINT inbox_received_pkey PRIMARY KEY (event_id, queue);
ALTER TABLE ONLY public.kept
    ADD CONSTRAINT kept_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.reconciler
    ADD CONSTRAINT reconciler_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (refund_key);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (component, name);
ALTER TABLE ONLY sandbox.charges
    ADD CONSTRAINT charges_pkey PRIMARY KEY (order_id, charge_key);
ALTER TABLE ONLY sandbox.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (order_id, refund_key);
CREATE INDEX inbox_received_at ON public.inbox_received USING brin (received_at);
CREATE INDEX payments_created ON public.payments USING btree (created_at, order_id);
ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.payments(order_id);
GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) TO souk_bus;
