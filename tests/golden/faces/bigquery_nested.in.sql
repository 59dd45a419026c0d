SELECT b.customer_id, b.first = churn!PREDICT(b) AS same
FROM (SELECT *, churn_probability AS first FROM ml.predict(model churn, table features.customer_usage)) AS b
JOIN ML.PREDICT(MODEL churn, (SELECT * FROM features.customer_usage WHERE MODEL(churn)!PREDICT(*) > 0.2)) AS c USING (customer_id)
ORDER BY 1
