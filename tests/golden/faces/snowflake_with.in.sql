WITH mv AS MODEL churn VERSION v1, "Few Rows" AS (FROM features.customer_usage WHERE customer_id < 20)
SELECT customer_id, mv!PREDICT(*) AS p, (SELECT max(churn!PREDICT(*)) FROM features.customer_usage) AS greatest
FROM "Few Rows" ORDER BY customer_id
