-- decisions.telco_segments: decision, no key declared
-- Where the plan acts: calls and money by contract and internet service.
--
-- Columns
--   contract          VARCHAR
--   internet_service  VARCHAR
--   live_customers    BIGINT
--   calls             BIGINT
--   cost              DECIMAL(18,2)
--   expected_profit   DECIMAL(18,2)
--
-- Reads    predictions.telco_churn, decisions.action_plan
SELECT
    s.contract,
    s.internet_service,
    count(*) AS live_customers,
    count(*) FILTER (a.production) AS calls,
    CAST(coalesce(sum(a.cost), 0) AS DECIMAL(18, 2)) AS cost,
    CAST(coalesce(sum(a.expected_value) FILTER (a.production), 0) AS DECIMAL(18, 2)) AS expected_profit
FROM predictions.telco_churn AS s LEFT JOIN decisions.action_plan AS a USING (customer_id)
GROUP BY ALL
ORDER BY calls DESC, s.contract, s.internet_service;
