-- Customers who ordered in the last 90 days, by the money that would be lost with them.
CREATE DYNAMIC TABLE decisions.call_list ENTITY = customer TARGET_LAG = '1 day' AS
SELECT
    customer_id,
    channel,
    churn_probability,
    spend_365d,
    round(churn_probability * spend_365d, 2) AS spend_at_risk
FROM predictions.churn
WHERE days_since_order <= 90
ORDER BY spend_at_risk DESC, customer_id;
