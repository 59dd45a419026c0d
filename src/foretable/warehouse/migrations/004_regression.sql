-- The system catalog, version 4: what a predicted number is held against.

-- Baselines that a practitioner expects, on the rows that the version was tested on.
CREATE TABLE foretable.baselines (
    model VARCHAR,
    version INTEGER,
    baseline VARCHAR,           -- such as 'LastPeriod(spend_365d)'
    split VARCHAR,
    metric VARCHAR,
    value DOUBLE,               -- of the baseline
    low DOUBLE,                 -- its 95 % bootstrap interval
    high DOUBLE,
    difference DOUBLE,          -- how much better the version is, in the unit of the metric
    difference_low DOUBLE,
    difference_high DOUBLE,
    row_count BIGINT,
    parameters JSON             -- what was fitted
);

COMMENT ON TABLE foretable.baselines IS 'Simple baselines beside each version, on the same rows';
