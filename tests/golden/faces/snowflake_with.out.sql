WITH "Few Rows" AS (FROM features.customer_usage WHERE customer_id < 20)
SELECT customer_id, predict_churn__v1("Few Rows") AS p, (SELECT max(predict_churn(customer_usage)) FROM features.customer_usage) AS greatest
FROM "Few Rows" ORDER BY customer_id
