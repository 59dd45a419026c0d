-- BigQuery's own names, as a ported query reads them
SELECT customer_id, predicted_churned, predicted_churned_probs
FROM ML.PREDICT(MODEL churn, TABLE features.customer_usage) AS p /* every row */
WHERE 2 * mod(customer_id, 3) = 2 AND region <> 'ML.PREDICT(MODEL x, TABLE y)'
ORDER BY customer_id;
