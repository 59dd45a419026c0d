-- predictions.telco_churn: table, one row per customer_id
-- One row per live customer with three months or more: risk next month, risk within 12 months, and value.
--
-- ``churn_probability_12m`` is one less the product of staying in each of the twelve months, each with
-- its own probability. ``expected_lifetime`` (months) is what a customer who is kept is worth counting: the
-- horizon, then 1 / h at the hazard h of its last month, 24 months at most. ``as_published_score`` is
-- the class-weighted score of next month: an order, not a probability.
--
-- Columns
--   customer_id              VARCHAR
--   churn_probability_month  DOUBLE
--   churn_probability_12m    DOUBLE
--   expected_lifetime        DECIMAL(10,2)
--   model_version            INTEGER
--   as_published_score       DOUBLE
--   tenure                   INTEGER
--   contract                 VARCHAR
--   internet_service         VARCHAR
--   tech_support             BOOLEAN
--   payment_method           VARCHAR
--   monthly_charge           DECIMAL(10,2)
--   lifetime_value           DECIMAL(18,2)
--
-- Reads    clean.telco_customers, predictions.telco_next_months, predictions.telco_as_published
SELECT
  "t13"."customer_id",
  "t13"."churn_probability_month",
  "t13"."churn_probability_12m",
  "t13"."expected_lifetime",
  "t13"."model_version",
  "t13"."as_published_score",
  "t13"."tenure",
  "t13"."contract",
  "t13"."internet_service",
  "t13"."tech_support",
  "t13"."payment_method",
  "t13"."monthly_charge",
  customer_lifetime_value("t13"."monthly_charge", "t13"."expected_lifetime", CAST(0.6000 AS DECIMAL(5, 4))) AS "lifetime_value"
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
      "t11"."as_published_score",
      "t5"."customer_id" AS "customer_id_right",
      "t5"."tenure",
      "t5"."contract",
      "t5"."internet_service",
      "t5"."tech_support",
      "t5"."payment_method",
      "t5"."monthly_charge"
    FROM (
      SELECT
        "t9".*
        EXCLUDE ("customer_id_right")
      FROM (
        SELECT
          "t8"."customer_id",
          "t8"."churn_probability_month",
          "t8"."churn_probability_12m",
          "t8"."expected_lifetime",
          "t8"."model_version",
          "t6"."customer_id" AS "customer_id_right",
          "t6"."as_published_score"
        FROM (
          SELECT
            "t1"."customer_id",
            MAX("t1"."telco_churn_probability") FILTER(WHERE
              "t1"."months_ahead" = 0) AS "churn_probability_month",
            1 - (
              (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 0)
              ) * 1 * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 1)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 2)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 3)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 4)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 5)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 6)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 7)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 8)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 9)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 10)
              ) * (
                1 - MAX("t1"."telco_churn_probability") FILTER(WHERE
                  "t1"."months_ahead" = 11)
              )
            ) AS "churn_probability_12m",
            CAST(LEAST(
              1 / NULLIF(MAX("t1"."telco_churn_probability") FILTER(WHERE
                "t1"."months_ahead" = 11), 0),
              24
            ) + 12 AS DECIMAL(10, 2)) AS "expected_lifetime",
            MAX("t1"."model_version") AS "model_version"
          FROM "predictions"."telco_next_months" AS "t1"
          GROUP BY
            1
        ) AS "t8"
        LEFT OUTER JOIN (
          SELECT
            "t2"."customer_id",
            "t2"."telco_churn_as_published_probability" AS "as_published_score"
          FROM "predictions"."telco_as_published" AS "t2"
        ) AS "t6"
          ON "t8"."customer_id" = "t6"."customer_id"
      ) AS "t9"
    ) AS "t11"
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
    ) AS "t5"
      ON "t11"."customer_id" = "t5"."customer_id"
  ) AS "t12"
) AS "t13";
