-- The hundred to call.
CREATE DYNAMIC TABLE decisions.calls ENTITY = customer TARGET_LAG = '1 hour' AS
SELECT customer_id, half(churn_probability) AS p FROM predictions.churn WHERE churn_probability > 0.5 ORDER BY p DESC, customer_id LIMIT 100;
