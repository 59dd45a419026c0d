-- predictions.telco_this_month: scoring table, one row per customer_id, tenure_month
-- Predictions of model telco_churn.
--
-- Columns
--   customer_id                         VARCHAR
--   tenure_month                        BIGINT
--   contract                            VARCHAR
--   telco_churn_probability             DOUBLE
--   model_version                       INTEGER
--   telco_churn_probability_challenger  DOUBLE
--   model_version_challenger            INTEGER
--   telco_churn_factors                 JSON
--   scored_at                           TIMESTAMP
--
-- Reads    features.telco_this_month
-- Models   telco_churn
SELECT
  "f"."customer_id",
  "f"."tenure_month",
  "f"."contract",
  predict_telco_churn("f") AS "telco_churn_probability",
  model_version('telco_churn') AS "model_version",
  predict_telco_churn__challenger("f") AS "telco_churn_probability_challenger",
  model_version('telco_churn', 'challenger') AS "model_version_challenger",
  to_json(list_slice(explain_telco_churn("f"), 1, 3)) AS "telco_churn_factors"
FROM "features"."telco_this_month" AS "f";
