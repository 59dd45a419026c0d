-- decisions.profit_curve: decision, no key declared
-- Cumulative profit of decisions.action_plan over all thresholds, N* and p* marked.
--
-- Columns
--   customers   INTEGER
--   threshold   DECIMAL(19,9)
--   cost        DECIMAL(18,2)
--   profit      DECIMAL(18,2)
--   roi         DOUBLE
--   is_optimum  BOOLEAN
--
-- Reads    predictions.telco_churn
WITH "t1" AS (
  SELECT
    "t0"."customer_id",
    "t0"."churn_probability_month",
    "t0"."churn_probability_12m",
    "t0"."expected_lifetime",
    "t0"."model_version",
    "t0"."as_published_score",
    "t0"."churn_factors",
    "t0"."tenure",
    "t0"."contract",
    "t0"."internet_service",
    "t0"."tech_support",
    "t0"."payment_method",
    "t0"."monthly_charge",
    "t0"."lifetime_value",
    CAST("t0"."churn_probability_12m" AS DECIMAL(19, 9)) AS "probability",
    "t0"."lifetime_value" AS "value",
    CAST((
      CAST("t0"."churn_probability_12m" AS DECIMAL(19, 9)) * CAST((
        (
          "t0"."lifetime_value" * CAST(0.3000 AS DECIMAL(18, 4))
        ) - CAST(50.00 AS DECIMAL(18, 2))
      ) + CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(19, 6))
    ) - CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(18, 2)) AS "expected_value",
    CAST(50.00 AS DECIMAL(18, 2)) AS "cost"
  FROM "predictions"."telco_churn" AS "t0"
  WHERE
    NOT CAST((
      CAST("t0"."churn_probability_12m" AS DECIMAL(19, 9)) * CAST((
        (
          "t0"."lifetime_value" * CAST(0.3000 AS DECIMAL(18, 4))
        ) - CAST(50.00 AS DECIMAL(18, 2))
      ) + CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(19, 6))
    ) - CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(18, 2)) IS NULL
)
SELECT
  *
FROM (
  SELECT
    "t7"."customers",
    "t7"."threshold",
    "t7"."cost",
    "t7"."profit",
    CAST("t7"."profit" AS DOUBLE) / NULLIF(CAST("t7"."cost" AS DOUBLE), 0) AS "roi",
    (
      ROW_NUMBER() OVER (
        ORDER BY "t7"."profit" DESC, "t7"."customers" ASC, "t7"."threshold", "t7"."cost"
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
      ) - 1
    ) = 0 AS "is_optimum"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        0 AS "customers",
        CAST(NULL AS DECIMAL(19, 9)) AS "threshold",
        CAST(0.00 AS DECIMAL(18, 2)) AS "cost",
        CAST(0.00 AS DECIMAL(18, 2)) AS "profit"
      FROM (
        SELECT
          COUNT(*) AS "customers"
        FROM "t1" AS "t2"
      ) AS "t3"
    ) AS "t4"
    UNION ALL
    SELECT
      *
    FROM (
      SELECT
        CAST(SUM("t5"."customers") OVER (
          ORDER BY "t5"."threshold" DESC, "t5"."customers", "t5"."cost", "t5"."profit"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS INT) AS "customers",
        "t5"."threshold",
        CAST(SUM("t5"."cost") OVER (
          ORDER BY "t5"."threshold" DESC, "t5"."customers", "t5"."cost", "t5"."profit"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS DECIMAL(18, 2)) AS "cost",
        CAST(SUM("t5"."profit") OVER (
          ORDER BY "t5"."threshold" DESC, "t5"."customers", "t5"."cost", "t5"."profit"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS DECIMAL(18, 2)) AS "profit"
      FROM (
        SELECT
          "t2"."probability" AS "threshold",
          COUNT(*) AS "customers",
          SUM("t2"."cost") AS "cost",
          SUM("t2"."expected_value") AS "profit"
        FROM "t1" AS "t2"
        GROUP BY
          1
      ) AS "t5"
    ) AS "t6"
  ) AS "t7"
) AS "t8"
ORDER BY
  "t8"."customers" ASC;
