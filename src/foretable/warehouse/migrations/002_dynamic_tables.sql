-- The system catalog, version 2: tables are refreshed incrementally, each at its own pace.

ALTER TABLE foretable.tables ADD COLUMN epoch BIGINT;           -- wave up to which it has taken in what changed upstream
ALTER TABLE foretable.tables ADD COLUMN "mode" VARCHAR;         -- 'INCREMENTAL' or 'FULL'
ALTER TABLE foretable.tables ADD COLUMN mode_reason VARCHAR;    -- why it is FULL
ALTER TABLE foretable.tables ADD COLUMN models JSON;            -- version of each model that scored it
ALTER TABLE foretable.tables ADD COLUMN rules VARCHAR;          -- fingerprint of its schema

-- Kept apart from foretable.tables: a table that was never built can fail, and can be suspended.
CREATE TABLE foretable.schedules (
    table_name VARCHAR,
    suspended BOOLEAN,
    suspended_reason VARCHAR,   -- 'asked for', or the error that suspended it
    failures INTEGER            -- scheduled refreshes that failed in a row
);

ALTER TABLE foretable.refresh_history ADD COLUMN "trigger" VARCHAR;     -- 'RUN', 'REFRESH', 'SCHEDULED', 'STATEMENT'
ALTER TABLE foretable.refresh_history ADD COLUMN inserted BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN updated BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN deleted BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN dirty BIGINT;          -- keys that might have changed
ALTER TABLE foretable.refresh_history ADD COLUMN timings JSON;          -- seconds per step

ALTER TABLE foretable.sources ADD COLUMN max_staleness VARCHAR;
ALTER TABLE foretable.sources ADD COLUMN is_late BOOLEAN;               -- its last event is older than max_staleness allows

-- One row per change feed: the changed values of some columns of a table, logged wave by wave in foretable_feeds.
CREATE TABLE foretable.feeds (
    feed VARCHAR,               -- name of its log in schema foretable_feeds, without prefix
    table_name VARCHAR,
    keys JSON,                  -- columns whose values are logged; [] when only whether anything changed
    columns JSON,               -- columns that are compared, with their types
    kind VARCHAR,               -- 'fingerprint', 'ingest', 'files', 'table'
    complete_from BIGINT,       -- the log lacks nothing that changed after this wave
    changed_at BIGINT,          -- last wave that logged a change
    state JSON                  -- what the next detection compares with, where it is not a table of its own
);

CREATE SCHEMA IF NOT EXISTS foretable_feeds;

CREATE OR REPLACE VIEW foretable.table_status AS
SELECT
    t.name,
    t.kind,
    t."mode",
    t.mode_reason,
    t.target_lag,
    make_timestamp(epoch_us(now())) - t.refreshed_at AS actual_lag,
    coalesce(make_timestamp(epoch_us(now())) > t.refreshed_at + try_cast(t.target_lag AS INTERVAL), false) AS is_late,
    t.watermark AS source_watermark,
    t.last_action,
    t.last_reason,
    t.as_of,
    t.row_count,
    t.refreshed_at + try_cast(t.target_lag AS INTERVAL) AS next_due,
    coalesce(s.suspended, false) AS suspended,
    s.suspended_reason
FROM foretable.tables AS t
LEFT JOIN foretable.schedules AS s ON s.table_name = t.name;

COMMENT ON VIEW foretable.table_status IS 'One row per table: how fresh it is now, and what its last refresh did';
COMMENT ON COLUMN foretable.table_status."mode" IS 'INCREMENTAL when changed keys alone can be recomputed, else FULL';
COMMENT ON COLUMN foretable.table_status.mode_reason IS 'Why the table is refreshed in full';
COMMENT ON COLUMN foretable.table_status.actual_lag IS 'Time since the table was last found or made current';
COMMENT ON COLUMN foretable.table_status.is_late IS 'The actual lag is above the target lag';
COMMENT ON COLUMN foretable.table_status.source_watermark IS 'Up to when its sources were complete, UTC';
COMMENT ON COLUMN foretable.table_status.as_of IS 'The clock that its rows were computed at, UTC';
COMMENT ON COLUMN foretable.table_status.next_due IS 'When the target lag runs out, UTC';
COMMENT ON TABLE foretable.schedules IS 'One row per table that failed or was suspended';
COMMENT ON TABLE foretable.feeds IS 'One row per change feed, by which tables learn which keys changed';
