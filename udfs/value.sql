-- Money of decisions, in DECIMAL: exact, and the same on every run.

-- What keeping a customer is worth: monthly revenue (money) × months × margin (0 to 1), to the cent.
CREATE OR REPLACE MACRO customer_lifetime_value(monthly_revenue, months, margin) AS
    CAST(CAST(monthly_revenue AS DECIMAL(10, 2)) * CAST(months AS DECIMAL(10, 2)) * CAST(margin AS DECIMAL(5, 4)) AS DECIMAL(18, 2));

-- EV = p·(success·value − cost) − (1 − p)·false_alarm_cost: what acting on a customer is expected to bring, to the cent.
-- cost is C_tp, spent on one who would have left; false_alarm_cost is C_fp, lost on one who would have stayed.
-- Written with p taken out, p·(success·value − cost + false_alarm_cost) − false_alarm_cost, which is exact in DECIMAL.
CREATE OR REPLACE MACRO expected_value(probability, value, success, cost, false_alarm_cost) AS
    CAST(
        CAST(probability AS DECIMAL(19, 9)) * CAST(
            CAST(value AS DECIMAL(18, 2)) * CAST(success AS DECIMAL(18, 4)) - CAST(cost AS DECIMAL(18, 2)) + CAST(false_alarm_cost AS DECIMAL(18, 2))
        AS DECIMAL(19, 6)) - CAST(false_alarm_cost AS DECIMAL(18, 2))
    AS DECIMAL(18, 2));
