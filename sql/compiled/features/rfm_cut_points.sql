-- features.rfm_cut_points: table, no key declared
-- One row: borders of the quintiles among all who have bought, and the average customer: purchases per day, money per purchase.
--
-- Columns
--   recency_1      DOUBLE
--   recency_2      DOUBLE
--   recency_3      DOUBLE
--   recency_4      DOUBLE
--   frequency_1    DOUBLE
--   frequency_2    DOUBLE
--   frequency_3    DOUBLE
--   frequency_4    DOUBLE
--   monetary_1     DOUBLE
--   monetary_2     DOUBLE
--   monetary_3     DOUBLE
--   monetary_4     DOUBLE
--   average_rate   DOUBLE
--   average_value  DOUBLE
--
-- Reads    features.rfm_features
SELECT
  QUANTILE_CONT("t1"."recency_days", 0.2) AS "recency_1",
  QUANTILE_CONT("t1"."recency_days", 0.4) AS "recency_2",
  QUANTILE_CONT("t1"."recency_days", 0.6) AS "recency_3",
  QUANTILE_CONT("t1"."recency_days", 0.8) AS "recency_4",
  QUANTILE_CONT("t1"."frequency", 0.2) AS "frequency_1",
  QUANTILE_CONT("t1"."frequency", 0.4) AS "frequency_2",
  QUANTILE_CONT("t1"."frequency", 0.6) AS "frequency_3",
  QUANTILE_CONT("t1"."frequency", 0.8) AS "frequency_4",
  QUANTILE_CONT("t1"."total", 0.2) AS "monetary_1",
  QUANTILE_CONT("t1"."total", 0.4) AS "monetary_2",
  QUANTILE_CONT("t1"."total", 0.6) AS "monetary_3",
  QUANTILE_CONT("t1"."total", 0.8) AS "monetary_4",
  SUM("t1"."frequency") / NULLIF(SUM("t1"."tenure_days"), 0) AS "average_rate",
  CAST(SUM("t1"."monetary_total") AS DOUBLE) / SUM("t1"."frequency") AS "average_value"
FROM (
  SELECT
    "t0"."customer_id",
    "t0"."first_purchase_date",
    "t0"."last_purchase_date",
    "t0"."recency_days",
    "t0"."frequency",
    "t0"."monetary_total",
    "t0"."monetary_avg",
    "t0"."tenure_days",
    "t0"."repeat_purchases",
    "t0"."repeat_span_days",
    "t0"."purchase_age_days",
    "t0"."repeat_value",
    "t0"."spend_last_period",
    CAST("t0"."monetary_total" AS DOUBLE) AS "total"
  FROM "features"."rfm_features" AS "t0"
  WHERE
    "t0"."frequency" > 0
) AS "t1";
