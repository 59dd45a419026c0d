SELECT u.customer_id, churn!PREDICT(u) AS by_name, shop.models.churn!predict(u.*) AS by_star, MODEL(churn, V1)!PREDICT(*) AS by_version,
    MODEL(churn, champion)!PREDICT(orders_30d, u.spend_90d, region, plan, monthly_fee) AS by_columns
FROM features.customer_usage AS u ORDER BY 1
