-- Records (souk_chassis.record) are tables made from their declarations. A column of type timestamptz is generated from
-- the text in the record, whose zone is always written, so that the result depends on no setting of the session.
CREATE FUNCTION souk_time(moment text) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN moment::timestamptz;

-- What each of those tables was made from (souk_chassis.record_shape).
CREATE TABLE souk_records (name text PRIMARY KEY, shape jsonb NOT NULL);
