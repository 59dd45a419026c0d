SELECT f.customer_id, predict_churn(f), 1 - predict_churn(f) FROM features.customer_usage AS f ORDER BY f.customer_id
