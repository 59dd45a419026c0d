-- BigQuery's own names, as a ported query reads them
SELECT customer_id, predicted_churned, predicted_churned_probs
FROM (WITH foretable_rows AS NOT MATERIALIZED (SELECT * FROM features.customer_usage) SELECT *, "churn_label" AS "predicted_churned", [{'label': 1, 'prob': "churn_probability"}, {'label': 0, 'prob': 1 - "churn_probability"}] AS "predicted_churned_probs" FROM predict_churn(foretable_rows)) AS p /* every row */
WHERE 2 * mod(customer_id, 3) = 2 AND region <> 'ML.PREDICT(MODEL x, TABLE y)'
ORDER BY customer_id;
