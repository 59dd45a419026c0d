-- features.coldstart_channel_quality: feature view, one row per acquisition_channel
-- One row per acquisition channel: what its customers have spent within the horizon after they were observed, on average.
--
-- Counted are those whose horizon is over; the mean is mixed with that of all channels.
--
-- Columns
--   acquisition_channel  VARCHAR
--   channel_customers    BIGINT
--   channel_quality      DOUBLE
--
-- Reads    raw.coldstart_customers, raw.coldstart_transactions
WITH "t16" AS (
  SELECT
    *
  FROM (
    SELECT
      "t14"."acquisition_channel",
      COUNT(*) AS "channel_customers",
      CAST(COALESCE(SUM("t14"."spent"), 0) AS DECIMAL(18, 2)) AS "spent"
    FROM (
      SELECT
        "t13".*
        EXCLUDE ("customer_id_right")
      FROM (
        SELECT
          "t8"."customer_id",
          "t8"."acquisition_channel",
          "t8"."observed_at",
          "t12"."customer_id" AS "customer_id_right",
          "t12"."spent"
        FROM (
          SELECT
            "t5"."customer_id",
            "t5"."acquisition_channel",
            "t5"."observed_at"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                *
              FROM "raw"."coldstart_customers" AS "t0"
              WHERE
                "t0"."observed_at" < as_of()
            ) AS "t2"
            WHERE
              "t2"."observed_at" <= (
                as_of() - INTERVAL '365' DAY
              )
          ) AS "t5"
        ) AS "t8"
        LEFT OUTER JOIN (
          SELECT
            "t10"."customer_id",
            SUM("t10"."amount") AS "spent"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t8"."customer_id",
                "t8"."acquisition_channel",
                "t8"."observed_at",
                "t6"."transaction_date",
                "t6"."amount"
              FROM (
                SELECT
                  "t5"."customer_id",
                  "t5"."acquisition_channel",
                  "t5"."observed_at"
                FROM (
                  SELECT
                    *
                  FROM (
                    SELECT
                      *
                    FROM "raw"."coldstart_customers" AS "t0"
                    WHERE
                      "t0"."observed_at" < as_of()
                  ) AS "t2"
                  WHERE
                    "t2"."observed_at" <= (
                      as_of() - INTERVAL '365' DAY
                    )
                ) AS "t5"
              ) AS "t8"
              INNER JOIN (
                SELECT
                  "t3"."customer_id",
                  "t3"."transaction_date",
                  "t3"."amount"
                FROM (
                  SELECT
                    *
                  FROM "raw"."coldstart_transactions" AS "t1"
                  WHERE
                    "t1"."transaction_date" < as_of()
                ) AS "t3"
              ) AS "t6"
                ON "t8"."customer_id" = "t6"."customer_id"
            ) AS "t9"
            WHERE
              "t9"."transaction_date" >= "t9"."observed_at"
              AND "t9"."transaction_date" < (
                "t9"."observed_at" + INTERVAL '365' DAY
              )
          ) AS "t10"
          GROUP BY
            1
        ) AS "t12"
          ON "t8"."customer_id" = "t12"."customer_id"
      ) AS "t13"
    ) AS "t14"
    GROUP BY
      1
  ) AS "t15"
  WHERE
    "t15"."acquisition_channel" IS NOT NULL
)
SELECT
  "t18"."acquisition_channel",
  "t18"."channel_customers",
  (
    CAST("t18"."spent" AS DOUBLE) + (
      "t20"."mean" * 20
    )
  ) / (
    "t18"."channel_customers" + 20
  ) AS "channel_quality"
FROM "t16" AS "t18"
CROSS JOIN (
  SELECT
    CAST(SUM("t17"."spent") AS DOUBLE) / SUM("t17"."channel_customers") AS "mean"
  FROM "t16" AS "t17"
) AS "t20";
