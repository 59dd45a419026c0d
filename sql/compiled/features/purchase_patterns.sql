-- features.purchase_patterns: feature view, one row per customer_id
-- One row per customer: what they buy, and how much of it lately; windows in days before now.
--
-- Columns
--   customer_id                  BIGINT
--   unique_categories_purchased  BIGINT
--   total_items_purchased        HUGEINT
--   returns                      BIGINT
--   recent_30d_count             BIGINT
--   recent_90d_count             BIGINT
--   recent_180d_count            BIGINT
--   recent_365d_count            BIGINT
--   gross_amount                 DOUBLE
--   recent_30d_amount            DOUBLE
--   recent_90d_amount            DOUBLE
--   recent_180d_amount           DOUBLE
--   recent_365d_amount           DOUBLE
--
-- Reads    raw.continuous_transactions, raw.continuous_customers_profile, raw.continuous_transactions_staging, raw.continuous_customers_profile_staging
SELECT
  "t29"."customer_id",
  COALESCE("t29"."unique_categories_purchased", 0) AS "unique_categories_purchased",
  COALESCE("t29"."total_items_purchased", 0) AS "total_items_purchased",
  COALESCE("t29"."returns", 0) AS "returns",
  COALESCE("t29"."recent_30d_count", 0) AS "recent_30d_count",
  COALESCE("t29"."recent_90d_count", 0) AS "recent_90d_count",
  COALESCE("t29"."recent_180d_count", 0) AS "recent_180d_count",
  COALESCE("t29"."recent_365d_count", 0) AS "recent_365d_count",
  COALESCE(CAST("t29"."gross_amount" AS DOUBLE), 0) AS "gross_amount",
  COALESCE(CAST("t29"."recent_30d_amount" AS DOUBLE), 0) AS "recent_30d_amount",
  COALESCE(CAST("t29"."recent_90d_amount" AS DOUBLE), 0) AS "recent_90d_amount",
  COALESCE(CAST("t29"."recent_180d_amount" AS DOUBLE), 0) AS "recent_180d_amount",
  COALESCE(CAST("t29"."recent_365d_amount" AS DOUBLE), 0) AS "recent_365d_amount"
FROM (
  SELECT
    "t28".*
    EXCLUDE ("customer_id_right")
  FROM (
    SELECT
      "t25"."customer_id",
      "t27"."customer_id" AS "customer_id_right",
      "t27"."unique_categories_purchased",
      "t27"."total_items_purchased",
      "t27"."returns",
      "t27"."gross_amount",
      "t27"."recent_30d_amount",
      "t27"."recent_90d_amount",
      "t27"."recent_180d_amount",
      "t27"."recent_365d_amount",
      "t27"."recent_30d_count",
      "t27"."recent_90d_count",
      "t27"."recent_180d_count",
      "t27"."recent_365d_count"
    FROM (
      SELECT
        "t23"."customer_id"
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
              FROM "raw"."continuous_customers_profile" AS "t0"
              WHERE
                "t0"."signup_date" < DATE_TRUNC('DAY', as_of())
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
                    FROM "raw"."continuous_customers_profile_staging" AS "t2"
                    WHERE
                      "t2"."signup_date" < DATE_TRUNC('DAY', as_of())
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
                  FROM "raw"."continuous_customers_profile_staging" AS "t2"
                  WHERE
                    "t2"."signup_date" < DATE_TRUNC('DAY', as_of())
                ) AS "t7"
              ) AS "t10"
            ) AS "t13"
            WHERE
              "t13"."place" = 0
          ) AS "t17"
        ) AS "t18"
      ) AS "t23"
    ) AS "t25"
    LEFT OUTER JOIN (
      SELECT
        "t21"."customer_id",
        COUNT(DISTINCT "t21"."product_category") FILTER(WHERE
          "t21"."amount" > 0) AS "unique_categories_purchased",
        SUM("t21"."quantity") FILTER(WHERE
          "t21"."amount" > 0) AS "total_items_purchased",
        COUNT(*) FILTER(WHERE
          "t21"."amount" < 0) AS "returns",
        SUM("t21"."amount") FILTER(WHERE
          "t21"."amount" > 0) AS "gross_amount",
        SUM("t21"."amount") FILTER(WHERE
          (
            "t21"."transaction_date" >= (
              as_of() - INTERVAL '30' DAY
            )
          )
          AND (
            "t21"."transaction_date" < as_of()
          )) AS "recent_30d_amount",
        SUM("t21"."amount") FILTER(WHERE
          (
            "t21"."transaction_date" >= (
              as_of() - INTERVAL '90' DAY
            )
          )
          AND (
            "t21"."transaction_date" < as_of()
          )) AS "recent_90d_amount",
        SUM("t21"."amount") FILTER(WHERE
          (
            "t21"."transaction_date" >= (
              as_of() - INTERVAL '180' DAY
            )
          )
          AND (
            "t21"."transaction_date" < as_of()
          )) AS "recent_180d_amount",
        SUM("t21"."amount") FILTER(WHERE
          (
            "t21"."transaction_date" >= (
              as_of() - INTERVAL '365' DAY
            )
          )
          AND (
            "t21"."transaction_date" < as_of()
          )) AS "recent_365d_amount",
        COUNT(*) FILTER(WHERE
          (
            "t21"."amount" > 0
          )
          AND (
            (
              "t21"."transaction_date" >= (
                as_of() - INTERVAL '30' DAY
              )
            )
            AND (
              "t21"."transaction_date" < as_of()
            )
          )) AS "recent_30d_count",
        COUNT(*) FILTER(WHERE
          (
            "t21"."amount" > 0
          )
          AND (
            (
              "t21"."transaction_date" >= (
                as_of() - INTERVAL '90' DAY
              )
            )
            AND (
              "t21"."transaction_date" < as_of()
            )
          )) AS "recent_90d_count",
        COUNT(*) FILTER(WHERE
          (
            "t21"."amount" > 0
          )
          AND (
            (
              "t21"."transaction_date" >= (
                as_of() - INTERVAL '180' DAY
              )
            )
            AND (
              "t21"."transaction_date" < as_of()
            )
          )) AS "recent_180d_count",
        COUNT(*) FILTER(WHERE
          (
            "t21"."amount" > 0
          )
          AND (
            (
              "t21"."transaction_date" >= (
                as_of() - INTERVAL '365' DAY
              )
            )
            AND (
              "t21"."transaction_date" < as_of()
            )
          )) AS "recent_365d_count"
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
            FROM "raw"."continuous_transactions" AS "t1"
            WHERE
              "t1"."transaction_date" < as_of()
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
                  FROM "raw"."continuous_transactions_staging" AS "t3"
                  WHERE
                    "t3"."transaction_date" < as_of()
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
                FROM "raw"."continuous_transactions_staging" AS "t3"
                WHERE
                  "t3"."transaction_date" < as_of()
              ) AS "t5"
            ) AS "t12"
            WHERE
              "t12"."place" = 0
          ) AS "t14"
        ) AS "t15"
      ) AS "t21"
      GROUP BY
        1
    ) AS "t27"
      ON "t25"."customer_id" = "t27"."customer_id"
  ) AS "t28"
) AS "t29";
