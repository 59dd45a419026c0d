-- predictions.telco_churn: table, one row per customer_id
-- One row per live customer with three months or more: risk next month, risk within 12 months, and value.
--
-- ``churn_probability_12m`` is one less the product of staying in each of the twelve months, each with
-- its own probability. ``expected_lifetime`` (months) is what a customer who is kept is worth counting: the
-- horizon, then 1 / h at the hazard h of its last month, 24 months at most. ``as_published_score`` is
-- the class-weighted score of next month: an order, not a probability. ``churn_factors`` are the three features that
-- move the risk of next month most, with words for the service team.
--
-- Columns
--   customer_id              VARCHAR
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
-- Reads    clean.telco_customers, predictions.telco_this_month, predictions.telco_next_months, predictions.telco_as_published
SELECT
  "t19"."customer_id",
  "t19"."churn_probability_month",
  "t19"."churn_probability_12m",
  "t19"."expected_lifetime",
  "t19"."model_version",
  "t19"."as_published_score",
  "t19"."churn_factors",
  "t19"."tenure",
  "t19"."contract",
  "t19"."internet_service",
  "t19"."tech_support",
  "t19"."payment_method",
  "t19"."monthly_charge",
  customer_lifetime_value("t19"."monthly_charge", "t19"."expected_lifetime", CAST(0.6000 AS DECIMAL(5, 4))) AS "lifetime_value"
FROM (
  SELECT
    "t18".*
    EXCLUDE ("customer_id_right")
  FROM (
    SELECT
      "t17"."customer_id",
      "t17"."churn_probability_month",
      "t17"."churn_probability_12m",
      "t17"."expected_lifetime",
      "t17"."model_version",
      "t17"."as_published_score",
      "t17"."churn_factors",
      "t7"."customer_id" AS "customer_id_right",
      "t7"."tenure",
      "t7"."contract",
      "t7"."internet_service",
      "t7"."tech_support",
      "t7"."payment_method",
      "t7"."monthly_charge"
    FROM (
      SELECT
        "t15".*
        EXCLUDE ("customer_id_right")
      FROM (
        SELECT
          "t14"."customer_id",
          "t14"."churn_probability_month",
          "t14"."churn_probability_12m",
          "t14"."expected_lifetime",
          "t14"."model_version",
          "t14"."as_published_score",
          "t8"."customer_id" AS "customer_id_right",
          "t8"."churn_factors"
        FROM (
          SELECT
            "t12".*
            EXCLUDE ("customer_id_right")
          FROM (
            SELECT
              "t11"."customer_id",
              "t11"."churn_probability_month",
              "t11"."churn_probability_12m",
              "t11"."expected_lifetime",
              "t11"."model_version",
              "t9"."customer_id" AS "customer_id_right",
              "t9"."as_published_score"
            FROM (
              SELECT
                "t2"."customer_id",
                MAX("t2"."telco_churn_probability") FILTER(WHERE
                  "t2"."months_ahead" = 0) AS "churn_probability_month",
                1 - (
                  (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 0)
                  ) * 1 * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 1)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 2)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 3)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 4)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 5)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 6)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 7)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 8)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 9)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 10)
                  ) * (
                    1 - MAX("t2"."telco_churn_probability") FILTER(WHERE
                      "t2"."months_ahead" = 11)
                  )
                ) AS "churn_probability_12m",
                CAST(LEAST(
                  1 / NULLIF(MAX("t2"."telco_churn_probability") FILTER(WHERE
                    "t2"."months_ahead" = 11), 0),
                  24
                ) + 12 AS DECIMAL(10, 2)) AS "expected_lifetime",
                MAX("t2"."model_version") AS "model_version"
              FROM "predictions"."telco_next_months" AS "t2"
              GROUP BY
                1
            ) AS "t11"
            LEFT OUTER JOIN (
              SELECT
                "t3"."customer_id",
                "t3"."telco_churn_as_published_probability" AS "as_published_score"
              FROM "predictions"."telco_as_published" AS "t3"
            ) AS "t9"
              ON "t11"."customer_id" = "t9"."customer_id"
          ) AS "t12"
        ) AS "t14"
        LEFT OUTER JOIN (
          SELECT
            "t1"."customer_id",
            "t1"."telco_churn_factors" AS "churn_factors"
          FROM "predictions"."telco_this_month" AS "t1"
        ) AS "t8"
          ON "t14"."customer_id" = "t8"."customer_id"
      ) AS "t15"
    ) AS "t17"
    LEFT OUTER JOIN (
      SELECT
        "t0"."customer_id",
        "t0"."tenure",
        "t0"."contract",
        "t0"."internet_service",
        "t0"."tech_support",
        "t0"."payment_method",
        "t0"."monthly_charge"
      FROM "clean"."telco_customers" AS "t0"
    ) AS "t7"
      ON "t17"."customer_id" = "t7"."customer_id"
  ) AS "t18"
) AS "t19";
