SELECT b.customer_id, b.first = predict_churn(b) AS same
FROM (SELECT *, churn_probability AS first FROM (WITH foretable_rows AS NOT MATERIALIZED (SELECT * FROM features.customer_usage) SELECT *, "churn_label" AS "predicted_churned", [{'label': 1, 'prob': "churn_probability"}, {'label': 0, 'prob': 1 - "churn_probability"}] AS "predicted_churned_probs" FROM predict_churn(foretable_rows))) AS b
JOIN (WITH foretable_rows AS NOT MATERIALIZED (SELECT * FROM (SELECT * FROM features.customer_usage WHERE predict_churn(customer_usage) > 0.2)) SELECT *, "churn_label" AS "predicted_churned", [{'label': 1, 'prob': "churn_probability"}, {'label': 0, 'prob': 1 - "churn_probability"}] AS "predicted_churned_probs" FROM predict_churn(foretable_rows)) AS c USING (customer_id)
ORDER BY 1
