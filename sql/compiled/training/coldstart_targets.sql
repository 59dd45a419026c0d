-- training.coldstart_targets: label, one row per customer_id
-- One row per customer who was observed since the date before: what was spent within the horizon, net of returns, 0 at least.
--
-- Columns
--   customer_id     BIGINT
--   target_12m_ltv  DOUBLE
--
-- Reads    raw.coldstart_transactions, raw.coldstart_customers, raw.coldstart_customers_staging
SELECT
  "t19"."customer_id",
  COALESCE(CAST(GREATEST("t19"."spent", 0) AS DOUBLE), 0) AS "target_12m_ltv"
FROM (
  SELECT
    "t18"."customer_id",
    "t9"."customer_id" AS "customer_id_right",
    "t9"."spent"
  FROM (
    SELECT
      "t16"."customer_id"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t10"."customer_id",
          "t10"."signup_date",
          "t10"."acquisition_channel",
          "t10"."acquisition_source",
          "t10"."device_type",
          "t10"."age_group",
          "t10"."region",
          "t10"."area_type",
          "t10"."days_to_first_purchase",
          "t10"."first_purchase_date",
          "t10"."first_purchase_amount",
          "t10"."first_purchase_category",
          "t10"."website_visits_30d",
          "t10"."email_opens_30d",
          "t10"."email_clicks_30d",
          "t10"."items_viewed_30d",
          "t10"."cart_adds_30d",
          "t10"."observed_at"
        FROM (
          SELECT
            *
          FROM (
            SELECT
              *
            FROM "raw"."coldstart_customers" AS "t1"
            WHERE
              "t1"."observed_at" < as_of()
          ) AS "t4"
          WHERE
            "t4"."observed_at" >= (
              as_of() - INTERVAL '7' DAY
            )
            AND "t4"."observed_at" < as_of()
        ) AS "t10"
        ANTI JOIN (
          SELECT
            "t12".*
            EXCLUDE ("place")
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t8"."customer_id",
                "t8"."signup_date",
                "t8"."acquisition_channel",
                "t8"."acquisition_source",
                "t8"."device_type",
                "t8"."age_group",
                "t8"."region",
                "t8"."area_type",
                "t8"."days_to_first_purchase",
                "t8"."first_purchase_date",
                "t8"."first_purchase_amount",
                "t8"."first_purchase_category",
                "t8"."website_visits_30d",
                "t8"."email_opens_30d",
                "t8"."email_clicks_30d",
                "t8"."items_viewed_30d",
                "t8"."cart_adds_30d",
                "t8"."observed_at",
                ROW_NUMBER() OVER (
                  PARTITION BY "t8"."customer_id"
                  ORDER BY "t8"."observed_at" DESC, "t8"."signup_date", "t8"."acquisition_channel", "t8"."acquisition_source", "t8"."device_type", "t8"."age_group", "t8"."region", "t8"."area_type", "t8"."days_to_first_purchase", "t8"."first_purchase_date", "t8"."first_purchase_amount", "t8"."first_purchase_category", "t8"."website_visits_30d", "t8"."email_opens_30d", "t8"."email_clicks_30d", "t8"."items_viewed_30d", "t8"."cart_adds_30d"
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) - 1 AS "place"
              FROM (
                SELECT
                  *
                FROM (
                  SELECT
                    *
                  FROM "raw"."coldstart_customers_staging" AS "t2"
                  WHERE
                    "t2"."observed_at" < as_of()
                ) AS "t5"
                WHERE
                  "t5"."observed_at" >= (
                    as_of() - INTERVAL '7' DAY
                  )
                  AND "t5"."observed_at" < as_of()
              ) AS "t8"
            ) AS "t11"
            WHERE
              "t11"."place" = 0
          ) AS "t12"
        ) AS "t14"
          ON "t10"."customer_id" = "t14"."customer_id"
      ) AS "t15"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          "t12".*
          EXCLUDE ("place")
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "t8"."customer_id",
              "t8"."signup_date",
              "t8"."acquisition_channel",
              "t8"."acquisition_source",
              "t8"."device_type",
              "t8"."age_group",
              "t8"."region",
              "t8"."area_type",
              "t8"."days_to_first_purchase",
              "t8"."first_purchase_date",
              "t8"."first_purchase_amount",
              "t8"."first_purchase_category",
              "t8"."website_visits_30d",
              "t8"."email_opens_30d",
              "t8"."email_clicks_30d",
              "t8"."items_viewed_30d",
              "t8"."cart_adds_30d",
              "t8"."observed_at",
              ROW_NUMBER() OVER (
                PARTITION BY "t8"."customer_id"
                ORDER BY "t8"."observed_at" DESC, "t8"."signup_date", "t8"."acquisition_channel", "t8"."acquisition_source", "t8"."device_type", "t8"."age_group", "t8"."region", "t8"."area_type", "t8"."days_to_first_purchase", "t8"."first_purchase_date", "t8"."first_purchase_amount", "t8"."first_purchase_category", "t8"."website_visits_30d", "t8"."email_opens_30d", "t8"."email_clicks_30d", "t8"."items_viewed_30d", "t8"."cart_adds_30d"
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) - 1 AS "place"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  *
                FROM "raw"."coldstart_customers_staging" AS "t2"
                WHERE
                  "t2"."observed_at" < as_of()
              ) AS "t5"
              WHERE
                "t5"."observed_at" >= (
                  as_of() - INTERVAL '7' DAY
                )
                AND "t5"."observed_at" < as_of()
            ) AS "t8"
          ) AS "t11"
          WHERE
            "t11"."place" = 0
        ) AS "t12"
      ) AS "t13"
    ) AS "t16"
  ) AS "t18"
  LEFT OUTER JOIN (
    SELECT
      "t3"."customer_id",
      SUM("t3"."amount") AS "spent"
    FROM (
      SELECT
        *
      FROM "raw"."coldstart_transactions" AS "t0"
      WHERE
        "t0"."transaction_date" >= as_of()
        AND "t0"."transaction_date" < (
          as_of() + INTERVAL '365' DAY
        )
    ) AS "t3"
    GROUP BY
      1
  ) AS "t9"
    ON "t18"."customer_id" = "t9"."customer_id"
) AS "t19";
