-- The system catalog, version 1: what a warehouse knows about itself.
-- Every TIMESTAMP is UTC. No primary keys: an ART index makes inserts several times slower.

CREATE SCHEMA IF NOT EXISTS foretable;

CREATE TABLE foretable.catalog (
    version INTEGER,        -- number of the migration
    foretable VARCHAR,      -- release that applied it
    migrated_at TIMESTAMP
);

-- One row per table that foretable keeps.
CREATE TABLE foretable.tables (
    name VARCHAR,
    kind VARCHAR,
    pipeline VARCHAR,
    entity VARCHAR,
    target_lag VARCHAR,     -- '5 minutes' or 'DOWNSTREAM'
    grain VARCHAR,
    definition VARCHAR,     -- fingerprint of the definition
    as_of TIMESTAMP,        -- the clock that its rows were computed at
    inputs VARCHAR,         -- fingerprint of what it was built from
    watermark TIMESTAMP,    -- up to when its sources were complete
    wave BIGINT,
    row_count BIGINT,
    refreshed_at TIMESTAMP, -- when it was last found or made current
    last_action VARCHAR,
    last_reason VARCHAR,
    description VARCHAR
);

CREATE TABLE foretable.columns (
    table_name VARCHAR,
    column_name VARCHAR,
    data_type VARCHAR,
    description VARCHAR
);

-- One row per source, as the last wave saw it.
CREATE TABLE foretable.sources (
    name VARCHAR,
    kind VARCHAR,
    fingerprint VARCHAR,
    row_count BIGINT,
    watermark TIMESTAMP,
    seen_at TIMESTAMP,
    wave BIGINT
);

CREATE TABLE foretable.waves (
    wave BIGINT,
    "trigger" VARCHAR,
    state VARCHAR,          -- 'SUCCEEDED' or 'FAILED'
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    message VARCHAR
);

-- One row per table and wave.
CREATE TABLE foretable.refresh_history (
    wave BIGINT,
    table_name VARCHAR,
    action VARCHAR,
    state VARCHAR,
    reason VARCHAR,
    as_of TIMESTAMP,
    row_count BIGINT,
    started_at TIMESTAMP,
    seconds DOUBLE,
    message VARCHAR
);

CREATE TABLE foretable.training_sets (
    name VARCHAR,
    model VARCHAR,
    hash VARCHAR,
    row_count BIGINT,
    positives BIGINT,
    as_of_from TIMESTAMP,
    as_of_to TIMESTAMP,
    built_at TIMESTAMP
);

-- One row per trained version; the bytes are in model_artifacts.
CREATE TABLE foretable.model_versions (
    model VARCHAR,
    version INTEGER,
    candidate VARCHAR,
    created_at TIMESTAMP,
    declaration VARCHAR,    -- fingerprint of the declaration
    training_set VARCHAR,
    training_hash VARCHAR,
    as_of_from TIMESTAMP,
    as_of_to TIMESTAMP,
    row_count BIGINT,
    parameters JSON,
    signature JSON,
    metrics JSON,
    parity JSON,
    code VARCHAR,           -- fingerprint of the engine and the libraries
    parent INTEGER,
    executor VARCHAR,
    seed BIGINT
);

CREATE TABLE foretable.model_artifacts (
    model VARCHAR,
    version INTEGER,
    kind VARCHAR,           -- 'onnx'
    content BLOB,
    sha256 VARCHAR
);

CREATE TABLE foretable.model_aliases (
    model VARCHAR,
    alias VARCHAR,
    version INTEGER,
    set_at TIMESTAMP
);

CREATE TABLE foretable.alias_history (
    model VARCHAR,
    alias VARCHAR,
    version INTEGER,
    previous INTEGER,
    set_at TIMESTAMP,
    reason VARCHAR
);

CREATE TABLE foretable.evaluations (
    model VARCHAR,
    version INTEGER,
    split VARCHAR,
    segment VARCHAR,
    metric VARCHAR,
    value DOUBLE,
    low DOUBLE,             -- lower end of the interval
    high DOUBLE,            -- upper end of the interval
    row_count BIGINT
);

CREATE TABLE foretable.trials (
    model VARCHAR,
    version INTEGER,
    candidate VARCHAR,
    trial INTEGER,
    parameters JSON,
    value DOUBLE,
    state VARCHAR,
    seconds DOUBLE
);

CREATE TABLE foretable.ingests (
    batch BIGINT,
    table_name VARCHAR,
    file VARCHAR,
    sha256 VARCHAR,
    row_count BIGINT,
    quarantined BIGINT,
    loaded_at TIMESTAMP,
    replaced_at TIMESTAMP   -- when a later load replaced what the table held
);

-- One row per table, batch, rule and column that put rows into quarantine.<table>.
CREATE TABLE foretable.quarantine_log (
    table_name VARCHAR,
    batch BIGINT,
    rule VARCHAR,
    column_name VARCHAR,
    row_count BIGINT,
    quarantined_at TIMESTAMP,
    redriven BIGINT         -- how many of them have passed since
);

CREATE VIEW foretable.models AS
SELECT
    v.model,
    a.champion,
    a.challenger,
    count(*) AS versions,
    max(v.version) AS last_version,
    max(v.created_at) AS last_trained_at,
    arg_max(v.metrics, v.version) FILTER (WHERE v.version = a.champion) AS champion_metrics
FROM foretable.model_versions AS v
LEFT JOIN (
    SELECT
        model,
        max(version) FILTER (WHERE alias = 'champion') AS champion,
        max(version) FILTER (WHERE alias = 'challenger') AS challenger
    FROM foretable.model_aliases
    GROUP BY model
) AS a ON a.model = v.model
GROUP BY v.model, a.champion, a.challenger;

-- Lag is the time since a table was last found or made current. epoch_us is free of the session's time zone.
CREATE VIEW foretable.table_status AS
SELECT
    name,
    kind,
    'FULL' AS mode,
    target_lag,
    make_timestamp(epoch_us(now())) - refreshed_at AS actual_lag,
    coalesce(make_timestamp(epoch_us(now())) > refreshed_at + try_cast(target_lag AS INTERVAL), false) AS is_late,
    watermark AS source_watermark,
    last_action,
    last_reason,
    as_of,
    row_count,
    refreshed_at + try_cast(target_lag AS INTERVAL) AS next_due,
    false AS suspended
FROM foretable.tables;

CREATE VIEW foretable.quarantine_summary AS
SELECT
    table_name,
    rule,
    column_name,
    sum(row_count)::BIGINT AS quarantined,
    sum(redriven)::BIGINT AS redriven,
    (sum(row_count) - sum(redriven))::BIGINT AS waiting,
    max(quarantined_at) AS last_quarantined_at
FROM foretable.quarantine_log
GROUP BY table_name, rule, column_name;

COMMENT ON VIEW foretable.models IS 'One row per model: the versions that its aliases name, and when it was last trained';
COMMENT ON COLUMN foretable.models.champion IS 'Version that predict_<model>() calls';
COMMENT ON COLUMN foretable.models.champion_metrics IS 'Metrics of the champion';
COMMENT ON VIEW foretable.table_status IS 'One row per table: how fresh it is now, and what its last refresh did';
COMMENT ON COLUMN foretable.table_status.actual_lag IS 'Time since the table was last found or made current';
COMMENT ON COLUMN foretable.table_status.is_late IS 'The actual lag is above the target lag';
COMMENT ON COLUMN foretable.table_status.source_watermark IS 'Up to when its sources were complete, UTC';
COMMENT ON COLUMN foretable.table_status.as_of IS 'The clock that its rows were computed at, UTC';
COMMENT ON COLUMN foretable.table_status.next_due IS 'When the target lag runs out, UTC';
COMMENT ON VIEW foretable.quarantine_summary IS 'One row per table, rule and column: rows that were put aside, and how many have passed since';
COMMENT ON TABLE foretable.catalog IS 'One row per migration of this catalog';
COMMENT ON TABLE foretable.tables IS 'One row per table that foretable keeps';
COMMENT ON TABLE foretable.columns IS 'One row per column of those tables';
COMMENT ON TABLE foretable.sources IS 'One row per source, as the last wave saw it';
COMMENT ON TABLE foretable.waves IS 'One row per refresh wave';
COMMENT ON TABLE foretable.refresh_history IS 'One row per table and wave: what was done, why, and how long it took in seconds';
COMMENT ON TABLE foretable.training_sets IS 'One row per training set that was built';
COMMENT ON TABLE foretable.model_versions IS 'One row per trained version of a model';
COMMENT ON TABLE foretable.model_aliases IS 'Which version an alias names now';
COMMENT ON TABLE foretable.alias_history IS 'Every promotion and rollback';
COMMENT ON TABLE foretable.evaluations IS 'One row per version, split, segment and metric; low and high are the ends of the interval';
COMMENT ON TABLE foretable.trials IS 'One row per trial of a hyper-parameter search';
COMMENT ON TABLE foretable.ingests IS 'One row per file that was loaded';
COMMENT ON TABLE foretable.quarantine_log IS 'One row per table, batch, rule and column that put rows into quarantine';
