-- features.cohort_benchmarks: table, no key declared
-- One row per tenure cohort: what its customers have spent and how often they bought, on average.
--
-- Columns
--   tenure_cohort     VARCHAR
--   cohort_monetary   DOUBLE
--   cohort_frequency  DOUBLE
--
-- Reads    features.rfm_features
SELECT
  "t1"."tenure_cohort",
  CAST(SUM("t1"."monetary_total") AS DOUBLE) / COUNT(*) AS "cohort_monetary",
  SUM("t1"."frequency") / COUNT(*) AS "cohort_frequency"
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
    CASE
      WHEN "t0"."tenure_days" < 90
      THEN 'below 90 days'
      WHEN "t0"."tenure_days" < 180
      THEN '90 to 179 days'
      WHEN "t0"."tenure_days" < 365
      THEN '180 to 364 days'
      WHEN "t0"."tenure_days" < 730
      THEN 'second year'
      ELSE 'third year or later'
    END AS "tenure_cohort"
  FROM "features"."rfm_features" AS "t0"
) AS "t1"
GROUP BY
  1;
