-- The system catalog, version 2: tables are refreshed incrementally, each at its own pace.

ALTER TABLE foretable.tables ADD COLUMN epoch BIGINT;           -- wave up to which it has taken in what changed upstream
ALTER TABLE foretable.tables ADD COLUMN "mode" VARCHAR;         -- 'INCREMENTAL' or 'FULL'
ALTER TABLE foretable.tables ADD COLUMN mode_reason VARCHAR;    -- why it is FULL
ALTER TABLE foretable.tables ADD COLUMN models JSON;            -- version of each model that scored it
ALTER TABLE foretable.tables ADD COLUMN rules VARCHAR;          -- fingerprint of its schema
ALTER TABLE foretable.tables DROP COLUMN inputs;                -- epochs tell it now

ALTER TABLE foretable.tables ADD COLUMN next_due TIMESTAMP;     -- when the target lag runs out; NULL: it has no pace of its own
ALTER TABLE foretable.tables ADD COLUMN sources VARCHAR[];      -- every source that it is made from

-- Kept apart from foretable.tables: a table that was never built can fail, and can be suspended.
CREATE TABLE foretable.schedules (
    table_name VARCHAR,
    suspended BOOLEAN,
    suspended_reason VARCHAR,   -- 'asked for', or the error that suspended it
    failures INTEGER,           -- scheduled refreshes that failed in a row
    attempted_at TIMESTAMP,     -- the last one that failed, or that something else blocked
    definition VARCHAR,         -- fingerprint of what was tried then
    message VARCHAR             -- why it could not be refreshed
);

ALTER TABLE foretable.refresh_history ADD COLUMN "trigger" VARCHAR;     -- 'RUN', 'REFRESH', 'SCHEDULED', 'STATEMENT'
ALTER TABLE foretable.refresh_history ADD COLUMN inserted BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN updated BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN deleted BIGINT;
ALTER TABLE foretable.refresh_history ADD COLUMN dirty BIGINT;          -- keys that might have changed
ALTER TABLE foretable.refresh_history ADD COLUMN timings JSON;          -- seconds per step

ALTER TABLE foretable.sources DROP COLUMN fingerprint;
ALTER TABLE foretable.sources DROP COLUMN row_count;
ALTER TABLE foretable.sources ADD COLUMN max_staleness VARCHAR;
ALTER TABLE foretable.sources ADD COLUMN is_late BOOLEAN;               -- its last event is older than max_staleness allows

-- Tables whose change history is being kept, in <name>_history.
CREATE TABLE foretable.histories (
    table_name VARCHAR,
    since TIMESTAMP,            -- from when on every version is there
    kept_at TIMESTAMP           -- the last moment that brought or ended a version
);

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

-- A warehouse of version 1 has no next_due before its next wave.
CREATE OR REPLACE VIEW foretable.table_status AS
SELECT
    d.name,
    d.kind,
    d."mode",
    d.mode_reason,
    d.target_lag,
    d.actual_lag,
    d.past_due OR d.late_sources IS NOT NULL AS is_late,
    CASE
        WHEN d.late_sources IS NOT NULL THEN 'late source: ' || d.late_sources
        WHEN d.past_due THEN 'not refreshed within its target lag'
    END AS late_reason,
    d.source_watermark,
    d.last_action,
    d.last_reason,
    d.as_of,
    d.row_count,
    d.refreshed_at,
    CASE WHEN NOT d.suspended THEN d.next_due END AS next_due,
    d.suspended,
    d.suspended_reason,
    d.failures,
    d.failure
FROM (
    SELECT
        coalesce(t.name, s.table_name) AS name,
        t.kind,
        t."mode",
        t.mode_reason,
        t.target_lag,
        make_timestamp(epoch_us(now())) - t.refreshed_at AS actual_lag,
        coalesce(make_timestamp(epoch_us(now())) > t.due, false) AS past_due,
        (SELECT string_agg(o.name, ', ' ORDER BY o.name) FROM foretable.sources AS o WHERE o.is_late AND list_contains(t.sources, o.name))
            AS late_sources,
        t.watermark AS source_watermark,
        t.last_action,
        t.last_reason,
        t.as_of,
        t.row_count,
        t.refreshed_at,
        t.due AS next_due,
        coalesce(s.suspended, false) AS suspended,
        s.suspended_reason,
        coalesce(s.failures, 0) AS failures,
        s.message AS failure
    FROM (SELECT *, coalesce(next_due, refreshed_at + try_cast(target_lag AS INTERVAL)) AS due FROM foretable.tables) AS t
    FULL JOIN foretable.schedules AS s ON s.table_name = t.name
) AS d;

COMMENT ON VIEW foretable.table_status IS 'One row per table: how fresh it is now, and what its last refresh did';
COMMENT ON COLUMN foretable.table_status."mode" IS 'INCREMENTAL when changed keys alone can be recomputed, else FULL';
COMMENT ON COLUMN foretable.table_status.mode_reason IS 'Why the table is refreshed in full';
COMMENT ON COLUMN foretable.table_status.actual_lag IS 'Time since the table was last found or made current';
COMMENT ON COLUMN foretable.table_status.is_late IS 'It was not refreshed within its target lag, or a source of it is late';
COMMENT ON COLUMN foretable.table_status.late_reason IS 'Which of the two';
COMMENT ON COLUMN foretable.table_status.source_watermark IS 'Up to when its sources were complete, UTC';
COMMENT ON COLUMN foretable.table_status.as_of IS 'The clock that its rows were computed at, UTC';
COMMENT ON COLUMN foretable.table_status.next_due IS 'When the target lag runs out, UTC';
COMMENT ON COLUMN foretable.table_status.failures IS 'Scheduled refreshes that failed in a row; five suspend it';
COMMENT ON COLUMN foretable.table_status.failure IS 'Why the last of them failed, or what it waits for';
COMMENT ON TABLE foretable.schedules IS 'One row per table that failed or was suspended';
COMMENT ON TABLE foretable.histories IS 'One row per table whose former versions are kept';
COMMENT ON TABLE foretable.feeds IS 'One row per change feed, by which tables learn which keys changed';
