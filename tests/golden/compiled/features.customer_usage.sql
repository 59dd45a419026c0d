-- features.customer_usage: feature view, one row per customer_id
-- One row per customer who has signed up.
--
-- Columns
--   customer_id    BIGINT
--   region         VARCHAR
--   plan           VARCHAR
--   monthly_fee    DECIMAL(8,2)
--   orders_30d     BIGINT
--   spend_90d      DECIMAL(38,2)
--   last_order_at  TIMESTAMP
--
-- Reads    raw.orders, raw.customers, raw.plans
SELECT
  "t17"."customer_id",
  "t17"."region",
  "t17"."plan",
  "t17"."monthly_fee",
  COALESCE("t17"."orders_30d", 0) AS "orders_30d",
  COALESCE("t17"."spend_90d", 0) AS "spend_90d",
  "t17"."last_order_at"
FROM (
  SELECT
    "t16".*
    EXCLUDE ("customer_id_right")
  FROM (
    SELECT
      "t15"."customer_id",
      "t15"."region",
      "t15"."plan",
      "t15"."monthly_fee",
      "t12"."customer_id" AS "customer_id_right",
      "t12"."orders_30d",
      "t12"."spend_90d",
      "t12"."last_order_at"
    FROM (
      SELECT
        "t13".*
        EXCLUDE ("customer_id_right")
      FROM (
        SELECT
          "t8"."customer_id",
          "t8"."region",
          "t11"."customer_id" AS "customer_id_right",
          "t11"."plan",
          "t11"."monthly_fee"
        FROM (
          SELECT
            "t4"."customer_id",
            "t4"."region"
          FROM (
            SELECT
              *
            FROM "raw"."customers" AS "t1"
            WHERE
              "t1"."signed_up_at" < as_of()
          ) AS "t4"
        ) AS "t8"
        LEFT OUTER JOIN (
          SELECT
            "t7"."customer_id",
            "t7"."plan",
            "t7"."monthly_fee"
          FROM (
            SELECT
              "t5".*
              EXCLUDE ("valid_to")
            FROM (
              SELECT
                *
              FROM "raw"."plans" AS "t2"
              WHERE
                "t2"."valid_from" <= as_of()
                AND (
                  (
                    "t2"."valid_to" IS NULL
                  ) OR (
                    "t2"."valid_to" > as_of()
                  )
                )
            ) AS "t5"
          ) AS "t7"
        ) AS "t11"
          ON "t8"."customer_id" = "t11"."customer_id"
      ) AS "t13"
    ) AS "t15"
    LEFT OUTER JOIN (
      SELECT
        "t3"."customer_id",
        COUNT(*) FILTER(WHERE
          (
            "t3"."ordered_at" >= (
              as_of() - INTERVAL '30' DAY
            )
          )
          AND (
            "t3"."ordered_at" < as_of()
          )) AS "orders_30d",
        SUM("t3"."amount") FILTER(WHERE
          (
            "t3"."ordered_at" >= (
              as_of() - INTERVAL '90' DAY
            )
          )
          AND (
            "t3"."ordered_at" < as_of()
          )) AS "spend_90d",
        MAX("t3"."ordered_at") AS "last_order_at"
      FROM (
        SELECT
          *
        FROM "raw"."orders" AS "t0"
        WHERE
          "t0"."ordered_at" < as_of()
      ) AS "t3"
      GROUP BY
        1
    ) AS "t12"
      ON "t15"."customer_id" = "t12"."customer_id"
  ) AS "t16"
) AS "t17";
