SELECT f.customer_id, true FROM features.customer_usage AS f WHERE predict_churn(f) > 0.2 ORDER BY 1
