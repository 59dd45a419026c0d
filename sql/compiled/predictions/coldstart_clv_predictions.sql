-- predictions.coldstart_clv_predictions: scoring table, one row per customer_id
-- Predictions of model coldstart_clv_model.
--
-- Columns
--   customer_id             BIGINT
--   predicted_12m_ltv       DOUBLE
--   predicted_12m_ltv_low   DOUBLE
--   predicted_12m_ltv_high  DOUBLE
--   model_version           INTEGER
--   scored_at               TIMESTAMP
--
-- Reads    features.coldstart_staging_features
-- Models   coldstart_clv_model
SELECT
  "scored"."customer_id",
  "scored"."predicted_12m_ltv",
  struct_extract(predict_coldstart_clv_model_interval_of("scored"."predicted_12m_ltv"), 'low') AS "predicted_12m_ltv_low",
  struct_extract(predict_coldstart_clv_model_interval_of("scored"."predicted_12m_ltv"), 'high') AS "predicted_12m_ltv_high",
  "scored"."model_version"
FROM (
  SELECT
    "f"."customer_id",
    predict_coldstart_clv_model("f") AS "predicted_12m_ltv",
    model_version('coldstart_clv_model') AS "model_version"
  FROM "features"."coldstart_staging_features" AS "f"
) AS "scored";
