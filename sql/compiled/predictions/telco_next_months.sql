-- predictions.telco_next_months: scoring table, one row per customer_id, tenure_month
-- Predictions of model telco_churn.
--
-- Columns
--   customer_id              VARCHAR
--   tenure_month             BIGINT
--   months_ahead             BIGINT
--   telco_churn_probability  DOUBLE
--   model_version            INTEGER
--   scored_at                TIMESTAMP
--
-- Reads    features.telco_next_months
-- Models   telco_churn
SELECT
  "f"."customer_id",
  "f"."tenure_month",
  "f"."months_ahead",
  predict_telco_churn("f") AS "telco_churn_probability",
  model_version('telco_churn') AS "model_version"
FROM "features"."telco_next_months" AS "f";
