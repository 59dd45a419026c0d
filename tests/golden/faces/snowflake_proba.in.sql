SELECT customer_id, churn!PREDICT_PROBA(*)['1'] AS p, churn!PREDICT_PROBA(*)['0'] AS q FROM features.customer_usage ORDER BY customer_id
