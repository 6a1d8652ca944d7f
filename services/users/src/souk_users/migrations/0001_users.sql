-- Accounts. `email` is as the customer wrote it, `email_key` what addresses are compared by.
CREATE TABLE users (
    user_id text COLLATE "C" PRIMARY KEY,
    email text NOT NULL,
    email_key text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Failed sign-ins by address, with or without an account: a count that tells apart what exists would tell it to anyone.
CREATE TABLE failed_sign_ins (
    email_key text COLLATE "C" PRIMARY KEY,
    failures integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE INDEX failed_sign_ins_since ON failed_sign_ins (since);
