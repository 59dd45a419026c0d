-- training.continuous_targets: label, one row per customer_id
-- One row per customer with 90 days of tenure: what was spent within the horizon, net of returns, 0 at least.
--
-- Columns
--   customer_id     BIGINT
--   target_12m_ltv  DOUBLE
--
-- Reads    raw.continuous_transactions, raw.continuous_customers_profile, raw.continuous_transactions_staging, raw.continuous_customers_profile_staging
SELECT
  "t29"."customer_id",
  COALESCE(CAST(GREATEST("t29"."spent", 0) AS DOUBLE), 0) AS "target_12m_ltv"
FROM (
  SELECT
    "t28"."customer_id",
    "t25"."customer_id" AS "customer_id_right",
    "t25"."spent"
  FROM (
    SELECT
      "t26"."customer_id"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t11"."customer_id",
            "t11"."signup_date",
            "t11"."age_group",
            "t11"."region"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                *
              FROM "raw"."continuous_customers_profile" AS "t1"
              WHERE
                "t1"."signup_date" < DATE_TRUNC('DAY', as_of())
            ) AS "t6"
          ) AS "t11"
          ANTI JOIN (
            SELECT
              "t17".*
              EXCLUDE ("place")
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t10"."customer_id",
                  "t10"."signup_date",
                  "t10"."age_group",
                  "t10"."region",
                  ROW_NUMBER() OVER (
                    PARTITION BY "t10"."customer_id"
                    ORDER BY "t10"."signup_date" DESC, "t10"."age_group", "t10"."region"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                  ) - 1 AS "place"
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      *
                    FROM "raw"."continuous_customers_profile_staging" AS "t3"
                    WHERE
                      "t3"."signup_date" < DATE_TRUNC('DAY', as_of())
                  ) AS "t7"
                ) AS "t10"
              ) AS "t13"
              WHERE
                "t13"."place" = 0
            ) AS "t17"
          ) AS "t19"
            ON "t11"."customer_id" = "t19"."customer_id"
        ) AS "t22"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t17".*
            EXCLUDE ("place")
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t10"."customer_id",
                "t10"."signup_date",
                "t10"."age_group",
                "t10"."region",
                ROW_NUMBER() OVER (
                  PARTITION BY "t10"."customer_id"
                  ORDER BY "t10"."signup_date" DESC, "t10"."age_group", "t10"."region"
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) - 1 AS "place"
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    *
                  FROM "raw"."continuous_customers_profile_staging" AS "t3"
                  WHERE
                    "t3"."signup_date" < DATE_TRUNC('DAY', as_of())
                ) AS "t7"
              ) AS "t10"
            ) AS "t13"
            WHERE
              "t13"."place" = 0
          ) AS "t17"
        ) AS "t18"
      ) AS "t23"
      WHERE
        "t23"."signup_date" <= (
          as_of() - INTERVAL '90' DAY
        )
    ) AS "t26"
  ) AS "t28"
  LEFT OUTER JOIN (
    SELECT
      "t21"."customer_id",
      SUM("t21"."amount") AS "spent"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t8"."transaction_id",
          "t8"."customer_id",
          "t8"."transaction_date",
          "t8"."amount",
          "t8"."product_category",
          "t8"."quantity"
        FROM (
          SELECT
            *
          FROM "raw"."continuous_transactions" AS "t0"
          WHERE
            "t0"."transaction_date" >= as_of()
            AND "t0"."transaction_date" < (
              as_of() + INTERVAL '365' DAY
            )
        ) AS "t8"
        ANTI JOIN (
          SELECT
            "t14".*
            EXCLUDE ("place")
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t5"."transaction_id",
                "t5"."customer_id",
                "t5"."transaction_date",
                "t5"."amount",
                "t5"."product_category",
                "t5"."quantity",
                ROW_NUMBER() OVER (
                  PARTITION BY "t5"."customer_id", "t5"."transaction_id"
                  ORDER BY "t5"."transaction_date" DESC, "t5"."amount", "t5"."product_category", "t5"."quantity"
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) - 1 AS "place"
              FROM (
                SELECT
                  *
                FROM "raw"."continuous_transactions_staging" AS "t2"
                WHERE
                  "t2"."transaction_date" >= as_of()
                  AND "t2"."transaction_date" < (
                    as_of() + INTERVAL '365' DAY
                  )
              ) AS "t5"
            ) AS "t12"
            WHERE
              "t12"."place" = 0
          ) AS "t14"
        ) AS "t16"
          ON "t8"."customer_id" = "t16"."customer_id"
          AND "t8"."transaction_id" = "t16"."transaction_id"
      ) AS "t20"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t14".*
          EXCLUDE ("place")
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "t5"."transaction_id",
              "t5"."customer_id",
              "t5"."transaction_date",
              "t5"."amount",
              "t5"."product_category",
              "t5"."quantity",
              ROW_NUMBER() OVER (
                PARTITION BY "t5"."customer_id", "t5"."transaction_id"
                ORDER BY "t5"."transaction_date" DESC, "t5"."amount", "t5"."product_category", "t5"."quantity"
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) - 1 AS "place"
            FROM (
              SELECT
                *
              FROM "raw"."continuous_transactions_staging" AS "t2"
              WHERE
                "t2"."transaction_date" >= as_of()
                AND "t2"."transaction_date" < (
                  as_of() + INTERVAL '365' DAY
                )
            ) AS "t5"
          ) AS "t12"
          WHERE
            "t12"."place" = 0
        ) AS "t14"
      ) AS "t15"
    ) AS "t21"
    GROUP BY
      1
  ) AS "t25"
    ON "t28"."customer_id" = "t25"."customer_id"
) AS "t29";
