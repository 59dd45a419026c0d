SELECT f.customer_id, predict_churn(f), predict_churn(f), predict_churn(f), predict_churn(f)
FROM features.customer_usage AS f ORDER BY 1
