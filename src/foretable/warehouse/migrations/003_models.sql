-- The system catalog, version 3: what is known about a model version.

ALTER TABLE foretable.model_versions ADD COLUMN lineage JSON;       -- sources, feature views and label, with their fingerprints and watermarks
ALTER TABLE foretable.model_versions ADD COLUMN origin VARCHAR;     -- 'trained', 'registered' (from a notebook or a file), 'imported'
ALTER TABLE foretable.model_versions ADD COLUMN notes VARCHAR;      -- in words, by people
ALTER TABLE foretable.model_versions ADD COLUMN tags VARCHAR[];
ALTER TABLE foretable.model_versions ADD COLUMN test_rows BIGINT;   -- rows that it was judged on

-- Trials are kept as they end, so that a search goes on where it was stopped.
ALTER TABLE foretable.trials ADD COLUMN study VARCHAR;              -- fingerprint of the candidate, its declaration and its rows
ALTER TABLE foretable.trials ADD COLUMN folds DOUBLE[];             -- the metric on each fold that was measured
ALTER TABLE foretable.trials ADD COLUMN tried_at TIMESTAMP;

-- What the checks before and after training found.
CREATE TABLE foretable.findings (
    model VARCHAR,
    version INTEGER,
    "check" VARCHAR,            -- 'leak', 'duplicates', 'identifier', 'constant', 'few', 'labels', 'chance', 'calibration', 'fairness', 'split'
    severity VARCHAR,           -- 'note', 'warning', 'refused'
    column_name VARCHAR,        -- the feature that it is about, where it is about one
    message VARCHAR,
    evidence JSON
);

-- Points to draw: ROC, precision and recall, calibration, gain, profit, importance, drift between splits.
CREATE TABLE foretable.curves (
    model VARCHAR,
    version INTEGER,
    curve VARCHAR,
    split VARCHAR,
    point INTEGER,
    label VARCHAR,              -- of a bar, such as a feature's name
    x DOUBLE,
    y DOUBLE
);

COMMENT ON TABLE foretable.findings IS 'What the checks found before and after a version was trained, with the evidence';
COMMENT ON TABLE foretable.curves IS 'Points of the curves that a report draws, one row each';

-- Versions that answered in production, judged by the outcomes that have matured.
CREATE TABLE foretable.comparisons (
    table_name VARCHAR,
    model VARCHAR,
    role VARCHAR,               -- 'answer', or 'shadow' for a version that scored beside it
    version INTEGER,
    metric VARCHAR,
    value DOUBLE,
    low DOUBLE,
    high DOUBLE,
    row_count BIGINT,
    dates INTEGER,              -- spine dates whose outcomes are known
    as_of TIMESTAMP,            -- the last of them
    compared_at TIMESTAMP
);

CREATE VIEW foretable.model_comparison AS
SELECT c.table_name, c.model, c.role, c.version, a.aliases, c.metric, c.value, c.low, c.high, c.row_count, c.dates, c.as_of
FROM foretable.comparisons AS c
LEFT JOIN (
    SELECT model, version, string_agg(alias, ', ' ORDER BY alias) AS aliases FROM foretable.model_aliases GROUP BY model, version
) AS a ON a.model = c.model AND a.version = c.version;

COMMENT ON VIEW foretable.model_comparison IS 'Champion and challengers in production, by the outcomes that have matured';
COMMENT ON TABLE foretable.comparisons IS 'One row per scoring table, role, version and metric';
