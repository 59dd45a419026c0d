SELECT u.customer_id, predict_churn(u) AS by_name, predict_churn(u) AS by_star, predict_churn__v1(u) AS by_version,
    predict_churn({'orders_30d': orders_30d, 'spend_90d': u.spend_90d, 'region': region, 'plan': plan, 'monthly_fee': monthly_fee}) AS by_columns
FROM features.customer_usage AS u ORDER BY 1
