SELECT f.customer_id, (predict_churn(f) >= 0.1)::INTEGER, (predict_churn(f) >= 0.1)::INTEGER
FROM features.customer_usage AS f WHERE f.customer_id < 60 ORDER BY f.customer_id
