-- decisions.telco_modes: decision, no key declared
-- The modes side by side: one row per mode. own_profit is what the mode's own score promises, profit what the
-- calibrated probability within 12 months says about the same customers; money. roi is profit / cost.
--
-- Columns
--   mode        VARCHAR
--   customers   BIGINT
--   cost        DECIMAL(18,2)
--   own_profit  DECIMAL(18,2)
--   profit      DECIMAL(18,2)
--   roi         DOUBLE
--
-- Reads    decisions.action_plan, decisions.action_plan_as_published, predictions.telco_churn
WITH picks AS (
    SELECT 1 AS place, 'production' AS mode, customer_id, expected_value FROM decisions.action_plan WHERE production
    UNION ALL
    SELECT 2, 'unconstrained', customer_id, expected_value FROM decisions.action_plan
    UNION ALL
    SELECT 3, 'as published', customer_id, expected_value FROM decisions.action_plan_as_published WHERE production
    UNION ALL
    SELECT 4, 'as published, unconstrained', customer_id, expected_value FROM decisions.action_plan_as_published
),
valued AS (
    SELECT p.place, p.mode, p.expected_value AS own, expected_value(s.churn_probability_12m, s.lifetime_value, 0.30, 50, 300) AS calibrated
    FROM picks AS p JOIN predictions.telco_churn AS s USING (customer_id)
)
SELECT
    mode,
    count(*) AS customers,
    CAST(count(*) * 50 AS DECIMAL(18, 2)) AS cost,
    CAST(sum(own) AS DECIMAL(18, 2)) AS own_profit,
    CAST(sum(calibrated ORDER BY calibrated) AS DECIMAL(18, 2)) AS profit,
    CAST(sum(calibrated ORDER BY calibrated) AS DOUBLE) / (count(*) * 50) AS roi
FROM valued
GROUP BY place, mode
ORDER BY place;
