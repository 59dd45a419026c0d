SELECT f.customer_id, CASE WHEN predict_churn(f) >= 0.5 THEN 1 ELSE 0 END,
    [{'label': 1, 'prob': predict_churn(f)}, {'label': 0, 'prob': 1 - predict_churn(f)}]
FROM features.customer_usage AS f WHERE f.customer_id % 3 = 1 ORDER BY f.customer_id;
