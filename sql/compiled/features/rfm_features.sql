-- features.rfm_features: feature view, one row per customer_id
-- One row per customer: recency by the day, frequency, money; and what BG/NBD reads, in days with a purchase.
--
-- ``repeat_purchases`` counts days with a purchase after the first such day, ``repeat_span_days`` goes from the first to the
-- last, ``purchase_age_days`` from the first to now, ``repeat_value`` is the mean spent on a day of the repeats.
--
-- Columns
--   customer_id          BIGINT
--   first_purchase_date  DATE
--   last_purchase_date   DATE
--   recency_days         INTEGER
--   frequency            BIGINT
--   monetary_total       DECIMAL(18,2)
--   monetary_avg         DOUBLE
--   tenure_days          INTEGER
--   repeat_purchases     INTEGER
--   repeat_span_days     INTEGER
--   purchase_age_days    INTEGER
--   repeat_value         DOUBLE
--   spend_last_period    DOUBLE
--
-- Reads    features.clv_today, raw.continuous_transactions, raw.continuous_transactions_staging, raw.continuous_customers_profile, raw.continuous_customers_profile_staging
WITH "t23" AS (
  SELECT
    *
  FROM (
    SELECT
      "t10"."transaction_id",
      "t10"."customer_id",
      "t10"."transaction_date",
      "t10"."amount",
      "t10"."product_category",
      "t10"."quantity"
    FROM (
      SELECT
        *
      FROM "raw"."continuous_transactions" AS "t2"
      WHERE
        "t2"."transaction_date" < as_of()
    ) AS "t10"
    ANTI JOIN (
      SELECT
        "t16".*
        EXCLUDE ("place")
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t7"."transaction_id",
            "t7"."customer_id",
            "t7"."transaction_date",
            "t7"."amount",
            "t7"."product_category",
            "t7"."quantity",
            ROW_NUMBER() OVER (
              PARTITION BY "t7"."customer_id", "t7"."transaction_id"
              ORDER BY "t7"."transaction_date" DESC, "t7"."amount", "t7"."product_category", "t7"."quantity"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) - 1 AS "place"
          FROM (
            SELECT
              *
            FROM "raw"."continuous_transactions_staging" AS "t4"
            WHERE
              "t4"."transaction_date" < as_of()
          ) AS "t7"
        ) AS "t14"
        WHERE
          "t14"."place" = 0
      ) AS "t16"
    ) AS "t18"
      ON "t10"."customer_id" = "t18"."customer_id"
      AND "t10"."transaction_id" = "t18"."transaction_id"
  ) AS "t22"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t16".*
      EXCLUDE ("place")
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t7"."transaction_id",
          "t7"."customer_id",
          "t7"."transaction_date",
          "t7"."amount",
          "t7"."product_category",
          "t7"."quantity",
          ROW_NUMBER() OVER (
            PARTITION BY "t7"."customer_id", "t7"."transaction_id"
            ORDER BY "t7"."transaction_date" DESC, "t7"."amount", "t7"."product_category", "t7"."quantity"
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1 AS "place"
        FROM (
          SELECT
            *
          FROM "raw"."continuous_transactions_staging" AS "t4"
          WHERE
            "t4"."transaction_date" < as_of()
        ) AS "t7"
      ) AS "t14"
      WHERE
        "t14"."place" = 0
    ) AS "t16"
  ) AS "t17"
)
SELECT
  "t40"."customer_id",
  "t40"."first_purchase_date",
  "t40"."last_purchase_date",
  CAST(CASE
    WHEN DATE_DIFF('DAY', "t40"."last_purchase_date", "t5"."today") < 0
    THEN 0
    ELSE DATE_DIFF('DAY', "t40"."last_purchase_date", "t5"."today")
  END AS INT) AS "recency_days",
  COALESCE("t40"."frequency", 0) AS "frequency",
  COALESCE("t40"."monetary_total", 0) AS "monetary_total",
  CAST("t40"."monetary_total" AS DOUBLE) / NULLIF("t40"."frequency", 0) AS "monetary_avg",
  CAST(CASE
    WHEN DATE_DIFF('DAY', "t40"."signup_date", "t5"."today") < 0
    THEN 0
    ELSE DATE_DIFF('DAY', "t40"."signup_date", "t5"."today")
  END AS INT) AS "tenure_days",
  "t40"."repeat_purchases",
  CAST(CASE
    WHEN DATE_DIFF('DAY', "t40"."first_purchase_date", "t40"."last_purchase_date") < 0
    THEN 0
    ELSE DATE_DIFF('DAY', "t40"."first_purchase_date", "t40"."last_purchase_date")
  END AS INT) AS "repeat_span_days",
  CAST(CASE
    WHEN DATE_DIFF('DAY', "t40"."first_purchase_date", "t5"."today") < 0
    THEN 0
    ELSE DATE_DIFF('DAY', "t40"."first_purchase_date", "t5"."today")
  END AS INT) AS "purchase_age_days",
  CAST("t40"."gross" - "t40"."first_amount" AS DOUBLE) / NULLIF("t40"."repeat_purchases", 0) AS "repeat_value",
  COALESCE(CAST("t40"."spend_last_period" AS DOUBLE), 0) AS "spend_last_period"
FROM (
  SELECT
    "t38".*
    EXCLUDE ("customer_id_right")
  FROM (
    SELECT
      "t37"."customer_id",
      "t37"."signup_date",
      "t37"."frequency",
      "t37"."monetary_total",
      "t37"."spend_last_period",
      "t36"."customer_id" AS "customer_id_right",
      "t36"."first_purchase_date",
      "t36"."last_purchase_date",
      "t36"."repeat_purchases",
      "t36"."gross",
      "t36"."first_amount"
    FROM (
      SELECT
        "t33".*
        EXCLUDE ("customer_id_right")
      FROM (
        SELECT
          "t29"."customer_id",
          "t29"."signup_date",
          "t31"."customer_id" AS "customer_id_right",
          "t31"."frequency",
          "t31"."monetary_total",
          "t31"."spend_last_period"
        FROM (
          SELECT
            "t26"."customer_id",
            "t26"."signup_date"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t13"."customer_id",
                "t13"."signup_date",
                "t13"."age_group",
                "t13"."region"
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    *
                  FROM "raw"."continuous_customers_profile" AS "t1"
                  WHERE
                    "t1"."signup_date" < DATE_TRUNC('DAY', as_of())
                ) AS "t8"
              ) AS "t13"
              ANTI JOIN (
                SELECT
                  "t19".*
                  EXCLUDE ("place")
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      "t12"."customer_id",
                      "t12"."signup_date",
                      "t12"."age_group",
                      "t12"."region",
                      ROW_NUMBER() OVER (
                        PARTITION BY "t12"."customer_id"
                        ORDER BY "t12"."signup_date" DESC, "t12"."age_group", "t12"."region"
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
                      ) AS "t9"
                    ) AS "t12"
                  ) AS "t15"
                  WHERE
                    "t15"."place" = 0
                ) AS "t19"
              ) AS "t21"
                ON "t13"."customer_id" = "t21"."customer_id"
            ) AS "t25"
            UNION ALL
            SELECT
              *
            FROM (
              SELECT
                "t19".*
                EXCLUDE ("place")
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    "t12"."customer_id",
                    "t12"."signup_date",
                    "t12"."age_group",
                    "t12"."region",
                    ROW_NUMBER() OVER (
                      PARTITION BY "t12"."customer_id"
                      ORDER BY "t12"."signup_date" DESC, "t12"."age_group", "t12"."region"
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
                    ) AS "t9"
                  ) AS "t12"
                ) AS "t15"
                WHERE
                  "t15"."place" = 0
              ) AS "t19"
            ) AS "t20"
          ) AS "t26"
        ) AS "t29"
        LEFT OUTER JOIN (
          SELECT
            "t24"."customer_id",
            COUNT(*) FILTER(WHERE
              "t24"."amount" > 0) AS "frequency",
            CAST(SUM("t24"."amount") AS DECIMAL(18, 2)) AS "monetary_total",
            CAST(SUM("t24"."amount") FILTER(WHERE
              (
                "t24"."transaction_date" >= (
                  as_of() - INTERVAL '365' DAY
                )
              )
              AND (
                "t24"."transaction_date" < as_of()
              )) AS DECIMAL(18, 2)) AS "spend_last_period"
          FROM "t23" AS "t24"
          GROUP BY
            1
        ) AS "t31"
          ON "t29"."customer_id" = "t31"."customer_id"
      ) AS "t33"
    ) AS "t37"
    LEFT OUTER JOIN (
      SELECT
        "t32"."customer_id",
        MIN("t32"."day") AS "first_purchase_date",
        MAX("t32"."day") AS "last_purchase_date",
        CAST(COUNT(*) - 1 AS INT) AS "repeat_purchases",
        SUM("t32"."amount") AS "gross",
        FIRST("t32"."amount" ORDER BY "t32"."day", "t32"."amount") AS "first_amount"
      FROM (
        SELECT
          "t27"."customer_id",
          CAST("t27"."transaction_date" AS DATE) AS "day",
          CAST(SUM("t27"."amount") AS DECIMAL(18, 2)) AS "amount"
        FROM (
          SELECT
            *
          FROM "t23" AS "t24"
          WHERE
            "t24"."amount" > 0
        ) AS "t27"
        GROUP BY
          1,
          2
      ) AS "t32"
      GROUP BY
        1
    ) AS "t36"
      ON "t37"."customer_id" = "t36"."customer_id"
  ) AS "t38"
) AS "t40"
CROSS JOIN "features"."clv_today" AS "t5";
