-- training.churned: label, one row per customer_id
--
-- Columns
--   customer_id  BIGINT
--   churned      TINYINT
--
-- Reads    raw.orders
SELECT
  "t8"."customer_id",
  CAST("t8"."n" IS NULL AS TINYINT) AS "churned"
FROM (
  SELECT
    "t7"."customer_id",
    "t5"."customer_id" AS "customer_id_right",
    "t5"."n"
  FROM (
    SELECT DISTINCT
      "t4"."customer_id"
    FROM (
      SELECT
        *
      FROM (
        SELECT
          *
        FROM "raw"."orders" AS "t0"
        WHERE
          "t0"."ordered_at" < as_of()
      ) AS "t1"
      WHERE
        "t1"."ordered_at" >= (
          as_of() - INTERVAL '90' DAY
        )
        AND "t1"."ordered_at" < as_of()
    ) AS "t4"
  ) AS "t7"
  LEFT OUTER JOIN (
    SELECT
      "t2"."customer_id",
      COUNT(*) AS "n"
    FROM (
      SELECT
        *
      FROM "raw"."orders" AS "t0"
      WHERE
        "t0"."ordered_at" >= as_of()
        AND "t0"."ordered_at" < (
          as_of() + INTERVAL '30' DAY
        )
    ) AS "t2"
    GROUP BY
      1
  ) AS "t5"
    ON "t7"."customer_id" = "t5"."customer_id"
) AS "t8";
