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
CREATE TABLE public.mails (
    mail_id uuid NOT NULL,
    mail_key text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    order_id text COLLATE pg_catalog."C",
    customer_id text COLLATE pg_catalog."C",
    recipient text,
    subject text NOT NULL,
    body text NOT NULL,
    status text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT mails_status_check CHECK ((status = ANY (ARRAY['SENT'::text, 'NO_ADDRESS'::text, 'REFUSED'::text])))
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
INSERT INTO public.mails VALUES
	('01a232e3-ed26-7f1d-bf76-2624dfbfc6a6', 'user:01a232e3-eb9d-7bac-9c0d-3515f8048d65:welcome', 'welcome', NULL, '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Welcome', 'Hello Ann,
your account is open. You sign in with this e-mail address.
Your shop
', 'SENT', '2026-12-01 18:35:27.910928+00'),
	('01a232e3-eec7-7f07-8eec-8c2ac7c3c134', 'user:01a232e3-ee76-7df8-bc29-2d7873f03ac5:welcome', 'welcome', NULL, '01a232e3-ee76-7df8-bc29-2d7873f03ac5', 'bob@example.org', 'Welcome', 'Hello Bob,
your account is open. You sign in with this e-mail address.
Your shop
', 'SENT', '2026-12-01 18:35:28.327928+00'),
	('01a232e3-f65f-7570-b8de-78e19feebdb0', 'order:guest-order:confirmed', 'confirmed', 'guest-order', NULL, 'guest@example.org', 'Your order guest-order is confirmed', 'Thank you for your order guest-order.
It is confirmed and paid: 13.30 GBP.
Your shop
', 'SENT', '2026-12-01 18:35:30.271326+00'),
	('01a232e3-f697-73f3-9291-b9ed450e6259', 'order:01a232e3-f4f7-71ad-983f-487623b3a2bd:confirmed', 'confirmed', '01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f4f7-71ad-983f-487623b3a2bd is confirmed', 'Thank you for your order 01a232e3-f4f7-71ad-983f-487623b3a2bd.
It is confirmed and paid: 32.70 GBP.
Your shop
', 'SENT', '2026-12-01 18:35:30.327233+00'),
	('01a232e3-f7b6-7f30-ac87-7e3302c169b1', 'order:01a232e3-f6da-760c-9e5c-aa227860e535:confirmed', 'confirmed', '01a232e3-f6da-760c-9e5c-aa227860e535', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f6da-760c-9e5c-aa227860e535 is confirmed', 'Thank you for your order 01a232e3-f6da-760c-9e5c-aa227860e535.
It is confirmed and paid: 33.25 GBP.
Your shop
', 'SENT', '2026-12-01 18:35:30.614932+00'),
	('01a232e3-f90f-79ec-bfab-e224db27d4c0', 'order:01a232e3-f877-716f-bef6-15f34640d8f8:cancelled', 'cancelled', '01a232e3-f877-716f-bef6-15f34640d8f8', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f877-716f-bef6-15f34640d8f8 is cancelled', 'Your order 01a232e3-f877-716f-bef6-15f34640d8f8 is cancelled. Whatever you paid for it is refunded.
Reason: payment declined: card declined
Your shop
', 'SENT', '2026-12-01 18:35:30.959609+00'),
	('01a232e4-0473-700c-9a07-f23937b9e9d6', 'order:01a232e3-f6da-760c-9e5c-aa227860e535:cancelled', 'cancelled', '01a232e3-f6da-760c-9e5c-aa227860e535', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f6da-760c-9e5c-aa227860e535 is cancelled', 'Your order 01a232e3-f6da-760c-9e5c-aa227860e535 is cancelled. Whatever you paid for it is refunded.
Reason: cancelled by the customer
Your shop
', 'SENT', '2026-12-01 18:35:33.874991+00'),
	('01a232e4-049a-7978-86bb-bc8999862ee4', 'order:01a232e3-f4f7-71ad-983f-487623b3a2bd:shipped', 'shipped', '01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f4f7-71ad-983f-487623b3a2bd is on its way', 'Your order 01a232e3-f4f7-71ad-983f-487623b3a2bd has been shipped.
Your shop
', 'SENT', '2026-12-01 18:35:33.914582+00'),
	('01a232e4-04d2-7503-9438-6d8bb0e5d1db', 'order:01a232e3-f4f7-71ad-983f-487623b3a2bd:delivered', 'delivered', '01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your order 01a232e3-f4f7-71ad-983f-487623b3a2bd has arrived', 'Your order 01a232e3-f4f7-71ad-983f-487623b3a2bd has been delivered.
Your shop
', 'SENT', '2026-12-01 18:35:33.970307+00'),
	('01a232e4-0505-72b6-966e-855e644a5713', 'order:01a232e3-f4f7-71ad-983f-487623b3a2bd:returned:01a232e4-04ce-75ec-a278-ead8d0d23158', 'returned', '01a232e3-f4f7-71ad-983f-487623b3a2bd', '01a232e3-eb9d-7bac-9c0d-3515f8048d65', 'Ann@Example.org', 'Your return for the order 01a232e3-f4f7-71ad-983f-487623b3a2bd', 'We have your return for the order 01a232e3-f4f7-71ad-983f-487623b3a2bd and refund 6.65 GBP.
Returned:
  23099: 1
Your shop
', 'SENT', '2026-12-01 18:35:34.02116+00');
INSERT INTO public.schema_migrations VALUES
	('chassis', '0001_events.sql', '5ae91d6ae56bbad949e1fcb286cd19d1befd8e6e59f55151276de63f557c20a4', '2026-12-01 18:35:21.079405+00'),
	('chassis', '0002_messages.sql', '9cbcf469e46f5d13c66ca1218ab5ead37d88e6a1ecc4ca627f2dce979554debf', '2026-12-01 18:35:21.13249+00'),
	('notifications', '0001_mails.sql', 'ba04f167089f2cc24327b9a8972f35e96e32ca4a0eaad3376b0d4f0c84551168', '2026-12-01 18:35:21.163032+00');
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (queue, event_id);
ALTER TABLE ONLY public.inbox_received
    ADD CONSTRAINT inbox_received_pkey PRIMARY KEY (event_id, queue);
ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_mail_key_key UNIQUE (mail_key);
ALTER TABLE ONLY public.mails
    ADD CONSTRAINT mails_pkey PRIMARY KEY (mail_id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (component, name);
CREATE INDEX inbox_received_at ON public.inbox_received USING brin (received_at);
CREATE INDEX mails_by_customer ON public.mails USING btree (customer_id, mail_id) WHERE (customer_id IS NOT NULL);
CREATE INDEX mails_by_order ON public.mails USING btree (order_id, mail_id) INCLUDE (kind) WHERE (order_id IS NOT NULL);
GRANT USAGE ON SCHEMA souk_bus TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], events text[], at timestamp with time zone) TO souk_bus;
REVOKE ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION souk_bus.receive(queues text[], event_ids uuid[], messages text[], counts integer[], at timestamp with time zone) TO souk_bus;
