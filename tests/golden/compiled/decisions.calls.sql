-- decisions.calls: decision, one row per customer_id
-- The hundred to call.
--
-- Columns
--   customer_id  BIGINT
--   p            DOUBLE
--
-- Reads    predictions.churn
SELECT customer_id, half(churn_probability) AS p FROM predictions.churn WHERE churn_probability > 0.5 ORDER BY p DESC, customer_id LIMIT 100;
