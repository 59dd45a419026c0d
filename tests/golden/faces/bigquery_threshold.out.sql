WITH few AS (SELECT * FROM features.customer_usage WHERE customer_id < 60)
SELECT customer_id, churn_label, predicted_churned
FROM (WITH foretable_rows AS NOT MATERIALIZED (SELECT * FROM (
        SELECT * EXCLUDE (last_order_at) -- a comment, with a bracket )
        FROM few
    )) SELECT * REPLACE (CASE WHEN "churn_probability" >= 0.1 THEN 1 WHEN "churn_probability" < 0.1 THEN 0 END AS "churn_label"), CASE WHEN "churn_probability" >= 0.1 THEN 1 WHEN "churn_probability" < 0.1 THEN 0 END AS "predicted_churned", [{'label': 1, 'prob': "churn_probability"}, {'label': 0, 'prob': 1 - "churn_probability"}] AS "predicted_churned_probs" FROM predict_churn(foretable_rows))
ORDER BY customer_id
