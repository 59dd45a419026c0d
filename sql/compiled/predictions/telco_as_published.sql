-- predictions.telco_as_published: scoring table, one row per customer_id, tenure_month
-- Predictions of model telco_churn_as_published.
--
-- Columns
--   customer_id                           VARCHAR
--   tenure_month                          BIGINT
--   telco_churn_as_published_probability  DOUBLE
--   model_version                         INTEGER
--   scored_at                             TIMESTAMP
--
-- Reads    features.telco_this_month
-- Models   telco_churn_as_published
SELECT
  "f"."customer_id",
  "f"."tenure_month",
  predict_telco_churn_as_published("f") AS "telco_churn_as_published_probability",
  model_version('telco_churn_as_published') AS "model_version"
FROM "features"."telco_this_month" AS "f";
