SELECT f.customer_id, predict_churn(f), (SELECT max(churn_probability) FROM predict_churn(features.customer_usage))
FROM features.customer_usage AS f WHERE f.customer_id < 20 ORDER BY f.customer_id
