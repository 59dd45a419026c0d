-- features.clv_today: table, no key declared
-- One row: the day that recency and tenure are counted to.
--
-- They change by the day. Read from here, a new hour changes only customers of whom something is new.
--
-- Columns
--   today  DATE
--
-- Reads    nothing
SELECT
  CAST(as_of() AS DATE) AS "today";
