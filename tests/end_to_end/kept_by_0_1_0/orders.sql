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
CREATE TABLE public.open_orders (
    order_id text NOT NULL COLLATE pg_catalog."C",
    since timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_threshold='1000000');
CREATE TABLE public.order_items (
    item_id integer NOT NULL,
    order_id text NOT NULL COLLATE pg_catalog."C",
    product_id text NOT NULL COLLATE pg_catalog."C",
    quantity integer NOT NULL,
    unit_price numeric(10,2) NOT NULL,
    returned integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.order_keys (
    scope text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.order_returns (
    return_id text NOT NULL COLLATE pg_catalog."C",
    order_id text NOT NULL COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    refund_amount numeric(10,2) NOT NULL,
    status character varying(20) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.orders (
    order_id text NOT NULL COLLATE pg_catalog."C",
    customer_id character varying(64) COLLATE pg_catalog."C",
    total_amount numeric(10,2) NOT NULL,
    status character varying(20) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    currency character(3) NOT NULL,
    email text,
    payment_method text NOT NULL,
    prices_cached boolean NOT NULL,
    fingerprint bytea NOT NULL,
    history jsonb NOT NULL,
    short_items jsonb,
    units bigint NOT NULL,
    returned_units bigint DEFAULT 0 NOT NULL,
    returned_amount numeric(10,2) DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');
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
INSERT INTO public.order_items VALUES
	(1, 'guest-order', '23099', 2, 6.65, 0),
	(2, '01a232e3-f4f7-71ad-983f-487623b3a2bd', '22423', 1, 12.75, 0),
	(1, '01a232e3-f6da-760c-9e5c-aa227860e535', '23099', 5, 6.65, 0),
	(1, '01a232e3-f877-716f-bef6-15f34640d8f8', '23099', 1, 6.65, 0),
	(1, '01a232e3-f4f7-71ad-983f-487623b3a2bd', '23099', 3, 6.65, 1);
INSERT INTO public.order_returns VALUES
	('01a232e4-04ce-75ec-a278-ead8d0d23158', '01a232e3-f4f7-71ad-983f-487623b3a2bd', NULL, '\x1665469b278728235b76615af4d2eda2', 6.65, 'DELIVERED', '2026-12-01 18:35:33.966387+00');
INSERT INTO public.orders VALUES
	('guest-order', NULL, 13.30, 'CONFIRMED', '2026-12-01 18:35:29.796926+00', '2026-12-01 18:35:30.197436+00', 'GBP', 'guest@example.org', 'tok_ok', false, '\xe301753af22b321fe7a64ec4168a3193', '[{"at": "2026-12-01T18:35:29.796926Z", "reason": null, "status": "PENDING"}, {"at": "2026-12-01T18:35:30.197436Z", "reason": null, "status": "RESERVED"}, {"at": "2026-12-01T18:35:30.197436Z", "reason": null, "status": "CONFIRMED"}]', NULL, 2, 0, 0.00),
	('01a232e3-f877-716f-bef6-15f34640d8f8', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 6.65, 'CANCELLED', '2026-12-01 18:35:30.807109+00', '2026-12-01 18:35:30.888362+00', 'GBP', NULL, 'tok_declined', false, '\xf95fa9917ecec555d00076c23545f09b', '[{"at": "2026-12-01T18:35:30.807109Z", "reason": null, "status": "PENDING"}, {"at": "2026-12-01T18:35:30.888362Z", "reason": "payment declined: card_declined", "status": "CANCELLED"}]', NULL, 1, 0, 0.00),
	('01a232e3-f6da-760c-9e5c-aa227860e535', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 33.25, 'CANCELLED', '2026-12-01 18:35:30.394396+00', '2026-12-01 18:35:33.843897+00', 'GBP', NULL, 'tok_ok', false, '\x5399bf86701ce817c06b5548dc26f77a', '[{"at": "2026-12-01T18:35:30.394396Z", "reason": null, "status": "PENDING"}, {"at": "2026-12-01T18:35:30.553422Z", "reason": null, "status": "RESERVED"}, {"at": "2026-12-01T18:35:30.564370Z", "reason": null, "status": "CONFIRMED"}, {"at": "2026-12-01T18:35:33.843897Z", "reason": "cancelled by the customer", "status": "CANCELLED"}]', NULL, 5, 0, 0.00),
	('01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 32.70, 'DELIVERED', '2026-12-01 18:35:29.911135+00', '2026-12-01 18:35:33.966387+00', 'GBP', NULL, 'tok_ok', false, '\x1e010d0f73e95786fe0333d1be4a6ff7', '[{"at": "2026-12-01T18:35:29.911135Z", "reason": null, "status": "PENDING"}, {"at": "2026-12-01T18:35:30.276472Z", "reason": null, "status": "RESERVED"}, {"at": "2026-12-01T18:35:30.276472Z", "reason": null, "status": "CONFIRMED"}, {"at": "2026-12-01T18:35:33.883357Z", "reason": null, "status": "SHIPPED"}, {"at": "2026-12-01T18:35:33.920057Z", "reason": null, "status": "DELIVERED"}]', NULL, 4, 1, 6.65);
INSERT INTO public.schema_migrations VALUES
	('chassis', '0001_events.sql', '5ae91d6ae56bbad949e1fcb286cd19d1befd8e6e59f55151276de63f557c20a4', '2026-12-01 18:35:21.070905+00'),
	('chassis', '0002_messages.sql', '9cbcf469e46f5d13c66ca1218ab5ead37d88e6a1ecc4ca627f2dce979554debf', '2026-12-01 18:35:21.143075+00'),
	('orders', '0001_orders.sql', '41d90ea396dfe15f8ba278b943d572688110d85f7c073e96d06d9c01144f7488', '2026-12-01 18:35:21.166938+00'),
	('orders', '0002_fewer_indexes.sql', '200aaf85ac5b7dd856ae113a412c6c45d0fd7ac401617ae95c7c78401178e08b', '2026-12-01 18:35:21.231022+00'),
	('orders', '0003_open_orders.sql', '292b35d3572a4ac5893a7b7033fda51cfd9c359d2ca6fb48b80795aab302aea8', '2026-12-01 18:35:21.242917+00');
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox_received
    ADD CONSTRAINT inbox_received_pkey PRIMARY KEY (event_id, queue);
ALTER TABLE ONLY public.open_orders
    ADD CONSTRAINT open_orders_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT order_items_pkey PRIMARY KEY (order_id, item_id);
ALTER TABLE ONLY public.order_keys
    ADD CONSTRAINT order_keys_pkey PRIMARY KEY (scope, key);
ALTER TABLE ONLY public.order_returns
    ADD CONSTRAINT order_returns_pkey PRIMARY KEY (return_id);
ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (component, name);
CREATE INDEX inbox_received_at ON public.inbox_received USING brin (received_at);
CREATE INDEX order_keys_age ON public.order_keys USING brin (created_at);
CREATE UNIQUE INDEX order_returns_order ON public.order_returns USING btree (order_id, key);
CREATE INDEX orders_customer ON public.orders USING btree (customer_id, created_at DESC, order_id DESC);
CREATE INDEX orders_status ON public.orders USING btree (status, created_at DESC, order_id DESC);
GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) TO souk_bus;
