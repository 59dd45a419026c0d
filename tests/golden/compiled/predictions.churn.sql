-- predictions.churn: scoring table, one row per customer_id
-- Predictions of model churn.
--
-- Columns
--   customer_id        BIGINT
--   region             VARCHAR
--   plan               VARCHAR
--   monthly_fee        DECIMAL(8,2)
--   churn_probability  DOUBLE
--   model_version      INTEGER
--   scored_at          TIMESTAMP
--
-- Reads    features.customer_usage
-- Models   churn
SELECT
  "f"."customer_id",
  "f"."region",
  "f"."plan",
  "f"."monthly_fee",
  predict_churn("f") AS "churn_probability",
  model_version('churn') AS "model_version"
FROM "features"."customer_usage" AS "f";
