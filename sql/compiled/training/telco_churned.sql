-- training.telco_churned: label, one row per customer_id, tenure_month
-- One row per customer and complete month of tenure, from the third on; 1 when the customer leaves next.
--
-- Whoever had not left on the day of the file counts as staying through the last month.
--
-- Columns
--   customer_id         VARCHAR
--   tenure_month        BIGINT
--   churned_next_month  TINYINT
--
-- Reads    clean.telco_customers
SELECT
  "t1"."customer_id",
  "t1"."tenure_month",
  CAST("t1"."churned" AND (
    "t1"."tenure_month" = "t1"."tenure"
  ) AS TINYINT) AS "churned_next_month"
FROM (
  SELECT
    "t0"."customer_id",
    "t0"."gender",
    "t0"."senior_citizen",
    "t0"."partner",
    "t0"."dependents",
    "t0"."tenure",
    "t0"."phone_service",
    "t0"."multiple_lines",
    "t0"."internet_service",
    "t0"."online_security",
    "t0"."online_backup",
    "t0"."device_protection",
    "t0"."tech_support",
    "t0"."streaming_tv",
    "t0"."streaming_movies",
    "t0"."contract",
    "t0"."paperless_billing",
    "t0"."payment_method",
    "t0"."monthly_charge",
    "t0"."total_charges",
    "t0"."churned",
    UNNEST(RANGE(3, "t0"."tenure" + 1, 1)) AS "tenure_month"
  FROM "clean"."telco_customers" AS "t0"
) AS "t1";
