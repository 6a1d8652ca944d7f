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
CREATE TABLE public.products (
    product_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    name_key text NOT NULL COLLATE pg_catalog."C",
    search_key text GENERATED ALWAYS AS (((name_key || ' '::text) || lower(product_id))) STORED NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL,
    price_minor bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT products_price_minor_check CHECK ((price_minor > 0))
);
CREATE TABLE public.reconciler_checkpoint (
    single boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    order_id text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT reconciler_checkpoint_single_check CHECK (single)
);
CREATE TABLE public.reconciler_watched (
    order_id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.reservations (
    order_id text NOT NULL COLLATE pg_catalog."C",
    state character varying(10) NOT NULL,
    held_units bigint NOT NULL,
    wanted json NOT NULL,
    returned json DEFAULT '{}'::json NOT NULL,
    short_items json,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT reservations_held_units_check CHECK ((held_units >= 0)),
    CONSTRAINT reservations_state_check CHECK (((state)::text = ANY ((ARRAY['HELD'::character varying, 'RELEASED'::character varying, 'REJECTED'::character varying, 'CANCELLED'::character varying])::text[])))
);
CREATE TABLE public.returns (
    return_id text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.schema_migrations (
    component text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.stock (
    product_id text NOT NULL COLLATE pg_catalog."C",
    on_hand bigint NOT NULL,
    start bigint NOT NULL,
    corrected bigint DEFAULT 0 NOT NULL,
    sold bigint DEFAULT 0 NOT NULL,
    returned bigint DEFAULT 0 NOT NULL,
    CONSTRAINT stock_check CHECK (((((start + corrected) - sold) + returned) = on_hand)),
    CONSTRAINT stock_on_hand_check CHECK ((on_hand >= 0))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='5000');
INSERT INTO public.products VALUES
	('22423', 'Regency cakestand 3 tier', 'regency cakestand 3 tier', DEFAULT, '', 1275, '2026-12-01 18:35:23.557887+00', '2026-12-01 18:35:23.557887+00'),
	('23099', 'French carriage lantern', 'french carriage lantern', DEFAULT, '', 665, '2026-12-01 18:35:24.186928+00', '2026-12-01 18:35:24.186928+00');
INSERT INTO public.reservations VALUES
	('guest-order', 'HELD', 2, '{"23099":2}', '{}', NULL, '2026-12-01 18:35:29.969032+00', '2026-12-01 18:35:29.969032+00'),
	('01a232e3-f877-716f-bef6-15f34640d8f8', 'RELEASED', 0, '{"23099":1}', '{}', NULL, '2026-12-01 18:35:30.823902+00', '2026-12-01 18:35:30.947413+00'),
	('01a232e3-f6da-760c-9e5c-aa227860e535', 'RELEASED', 0, '{"23099":5}', '{}', NULL, '2026-12-01 18:35:30.4414+00', '2026-12-01 18:35:33.863873+00'),
	('01a232e3-f4f7-71ad-983f-487623b3a2bd', 'HELD', 3, '{"23099":3,"22423":1}', '{"23099":1}', NULL, '2026-12-01 18:35:30.046774+00', '2026-12-01 18:35:34.005101+00');
INSERT INTO public.returns VALUES
	('01a232e4-04ce-75ec-a278-ead8d0d23158', '01a232e3-f4f7-71ad-983f-487623b3a2bd', '2026-12-01 18:35:34.003429+00');
INSERT INTO public.schema_migrations VALUES
	('chassis', '0001_events.sql', '5ae91d6ae56bbad949e1fcb286cd19d1befd8e6e59f55151276de63f557c20a4', '2026-12-01 18:35:21.051337+00'),
	('chassis', '0002_messages.sql', '9cbcf469e46f5d13c66ca1218ab5ead37d88e6a1ecc4ca627f2dce979554debf', '2026-12-01 18:35:21.121391+00'),
	('products', '0001_products.sql', 'd57d5cb54064387aa427f640f33f3e4790fb5a03866fbb42d0edcb9451443e43', '2026-12-01 18:35:21.145112+00');
INSERT INTO public.stock VALUES
	('22423', 999999, 1000000, 0, 1, 0),
	('23099', 999996, 1000000, 0, 5, 1);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox_received
    ADD CONSTRAINT inbox_received_pkey PRIMARY KEY (event_id, queue);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (product_id);
ALTER TABLE ONLY public.reconciler_checkpoint
    ADD CONSTRAINT reconciler_checkpoint_pkey PRIMARY KEY (single);
ALTER TABLE ONLY public.reconciler_watched
    ADD CONSTRAINT reconciler_watched_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.returns
    ADD CONSTRAINT returns_pkey PRIMARY KEY (return_id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (component, name);
ALTER TABLE ONLY public.stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (product_id);
CREATE INDEX inbox_received_at ON public.inbox_received USING brin (received_at);
CREATE INDEX products_by_name ON public.products USING btree (name_key, product_id);
CREATE INDEX reservations_by_age ON public.reservations USING btree (created_at, order_id);
ALTER TABLE ONLY public.stock
    ADD CONSTRAINT stock_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products(product_id);
GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) TO souk_bus;
