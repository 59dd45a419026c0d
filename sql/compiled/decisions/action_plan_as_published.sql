-- decisions.action_plan_as_published: decision, one row per customer_id
-- As published: the same rules on a class-weighted score that is no probability. For comparison, not for use.
--
-- Columns
--   customer_id              VARCHAR
--   rank                     BIGINT
--   recommended_action       VARCHAR
--   production               BOOLEAN
--   production_rank          BIGINT
--   cost                     DECIMAL(18,2)
--   cumulative_cost          DECIMAL(18,2)
--   expected_value           DECIMAL(18,2)
--   probability              DECIMAL(19,9)
--   value                    DECIMAL(18,2)
--   eligible                 BOOLEAN
--   churn_probability_month  DOUBLE
--   churn_probability_12m    DOUBLE
--   expected_lifetime        DECIMAL(10,2)
--   model_version            INTEGER
--   as_published_score       DOUBLE
--   churn_factors            JSON
--   tenure                   INTEGER
--   contract                 VARCHAR
--   internet_service         VARCHAR
--   tech_support             BOOLEAN
--   payment_method           VARCHAR
--   monthly_charge           DECIMAL(10,2)
--   lifetime_value           DECIMAL(18,2)
--
-- Reads    predictions.telco_churn
SELECT
  "t5"."customer_id",
  "t5"."rank",
  CASE
    WHEN "t5"."production"
    THEN CASE
      WHEN (
        "t5"."internet_service" = 'Fiber optic'
      ) AND NOT (
        "t5"."tech_support"
      )
      THEN 'call: a one-year contract with technical support included'
      WHEN "t5"."payment_method" = 'Electronic check'
      THEN 'call: a one-year contract with a discount for automatic payment'
      ELSE 'call: a one-year contract at a lower price'
    END
    WHEN "t5"."eligible"
    THEN 'none: it would pay, but the budget or the capacity is used up'
    ELSE 'none: outside the rules'
  END AS "recommended_action",
  "t5"."production",
  CASE WHEN "t5"."production" THEN "t5"."_position" ELSE NULL END AS "production_rank",
  CASE WHEN "t5"."production" THEN "t5"."_cost" ELSE CAST(0.00 AS DECIMAL(18, 2)) END AS "cost",
  CASE WHEN "t5"."production" THEN "t5"."_spent" ELSE NULL END AS "cumulative_cost",
  "t5"."expected_value",
  "t5"."probability",
  "t5"."value",
  "t5"."eligible",
  "t5"."churn_probability_month",
  "t5"."churn_probability_12m",
  "t5"."expected_lifetime",
  "t5"."model_version",
  "t5"."as_published_score",
  "t5"."churn_factors",
  "t5"."tenure",
  "t5"."contract",
  "t5"."internet_service",
  "t5"."tech_support",
  "t5"."payment_method",
  "t5"."monthly_charge",
  "t5"."lifetime_value"
FROM (
  SELECT
    "t4"."customer_id",
    "t4"."churn_probability_month",
    "t4"."churn_probability_12m",
    "t4"."expected_lifetime",
    "t4"."model_version",
    "t4"."as_published_score",
    "t4"."churn_factors",
    "t4"."tenure",
    "t4"."contract",
    "t4"."internet_service",
    "t4"."tech_support",
    "t4"."payment_method",
    "t4"."monthly_charge",
    "t4"."lifetime_value",
    "t4"."probability",
    "t4"."value",
    "t4"."expected_value",
    "t4"."rank",
    "t4"."eligible",
    "t4"."_cost",
    "t4"."_position",
    "t4"."_spent",
    "t4"."eligible"
    AND (
      TRUE
      AND (
        "t4"."_position" <= 1000
      )
      AND (
        "t4"."_spent" <= CAST(50000.00 AS DECIMAL(18, 2))
      )
    ) AS "production"
  FROM (
    SELECT
      "t3"."customer_id",
      "t3"."churn_probability_month",
      "t3"."churn_probability_12m",
      "t3"."expected_lifetime",
      "t3"."model_version",
      "t3"."as_published_score",
      "t3"."churn_factors",
      "t3"."tenure",
      "t3"."contract",
      "t3"."internet_service",
      "t3"."tech_support",
      "t3"."payment_method",
      "t3"."monthly_charge",
      "t3"."lifetime_value",
      "t3"."probability",
      "t3"."value",
      "t3"."expected_value",
      "t3"."rank",
      "t3"."eligible",
      "t3"."_cost",
      (
        ROW_NUMBER() OVER (
          PARTITION BY "t3"."eligible"
          ORDER BY "t3"."expected_value" DESC, "t3"."customer_id" ASC, "t3"."churn_probability_month", "t3"."churn_probability_12m", "t3"."expected_lifetime", "t3"."model_version", "t3"."as_published_score", "t3"."churn_factors", "t3"."tenure", "t3"."contract", "t3"."internet_service", "t3"."tech_support", "t3"."payment_method", "t3"."monthly_charge", "t3"."lifetime_value", "t3"."probability", "t3"."value", "t3"."rank", "t3"."_cost"
          ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) - 1
      ) + 1 AS "_position",
      CAST(SUM("t3"."_cost") OVER (
        PARTITION BY "t3"."eligible"
        ORDER BY "t3"."expected_value" DESC, "t3"."customer_id" ASC, "t3"."churn_probability_month", "t3"."churn_probability_12m", "t3"."expected_lifetime", "t3"."model_version", "t3"."as_published_score", "t3"."churn_factors", "t3"."tenure", "t3"."contract", "t3"."internet_service", "t3"."tech_support", "t3"."payment_method", "t3"."monthly_charge", "t3"."lifetime_value", "t3"."probability", "t3"."value", "t3"."rank", "t3"."_cost"
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
      ) AS DECIMAL(18, 2)) AS "_spent"
    FROM (
      SELECT
        "t2"."customer_id",
        "t2"."churn_probability_month",
        "t2"."churn_probability_12m",
        "t2"."expected_lifetime",
        "t2"."model_version",
        "t2"."as_published_score",
        "t2"."churn_factors",
        "t2"."tenure",
        "t2"."contract",
        "t2"."internet_service",
        "t2"."tech_support",
        "t2"."payment_method",
        "t2"."monthly_charge",
        "t2"."lifetime_value",
        "t2"."probability",
        "t2"."value",
        "t2"."expected_value",
        "t2"."rank",
        "t2"."eligible",
        CAST(50.00 AS DECIMAL(18, 2)) AS "_cost"
      FROM (
        SELECT
          "t1"."customer_id",
          "t1"."churn_probability_month",
          "t1"."churn_probability_12m",
          "t1"."expected_lifetime",
          "t1"."model_version",
          "t1"."as_published_score",
          "t1"."churn_factors",
          "t1"."tenure",
          "t1"."contract",
          "t1"."internet_service",
          "t1"."tech_support",
          "t1"."payment_method",
          "t1"."monthly_charge",
          "t1"."lifetime_value",
          "t1"."probability",
          "t1"."value",
          "t1"."expected_value",
          (
            ROW_NUMBER() OVER (
              ORDER BY "t1"."expected_value" DESC, "t1"."customer_id" ASC, "t1"."churn_probability_month", "t1"."churn_probability_12m", "t1"."expected_lifetime", "t1"."model_version", "t1"."as_published_score", "t1"."churn_factors", "t1"."tenure", "t1"."contract", "t1"."internet_service", "t1"."tech_support", "t1"."payment_method", "t1"."monthly_charge", "t1"."lifetime_value", "t1"."probability", "t1"."value"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) - 1
          ) + 1 AS "rank",
          COALESCE("t1"."as_published_score" BETWEEN 0.3 AND 0.9, FALSE) AS "eligible"
        FROM (
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
            CAST("t0"."as_published_score" AS DECIMAL(19, 9)) AS "probability",
            "t0"."lifetime_value" AS "value",
            CAST((
              CAST("t0"."as_published_score" AS DECIMAL(19, 9)) * CAST((
                (
                  "t0"."lifetime_value" * CAST(0.3000 AS DECIMAL(18, 4))
                ) - CAST(50.00 AS DECIMAL(18, 2))
              ) + CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(19, 6))
            ) - CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(18, 2)) AS "expected_value"
          FROM "predictions"."telco_churn" AS "t0"
          WHERE
            CAST((
              CAST("t0"."as_published_score" AS DECIMAL(19, 9)) * CAST((
                (
                  "t0"."lifetime_value" * CAST(0.3000 AS DECIMAL(18, 4))
                ) - CAST(50.00 AS DECIMAL(18, 2))
              ) + CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(19, 6))
            ) - CAST(300.00 AS DECIMAL(18, 2)) AS DECIMAL(18, 2)) > 0
        ) AS "t1"
      ) AS "t2"
    ) AS "t3"
  ) AS "t4"
) AS "t5"
ORDER BY
  "t5"."rank" ASC;
