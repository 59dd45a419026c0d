WITH few AS (SELECT * FROM features.customer_usage WHERE customer_id < 60)
SELECT customer_id, churn_label, predicted_churned
FROM ML.PREDICT(
    MODEL `shop.models.churn`,
    (
        SELECT * EXCLUDE (last_order_at) -- a comment, with a bracket )
        FROM few
    ),
    STRUCT(0.1 AS threshold)
)
ORDER BY customer_id
