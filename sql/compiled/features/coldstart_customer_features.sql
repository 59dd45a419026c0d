-- features.coldstart_customer_features: feature view, one row per customer_id
-- One row per customer who was ever observed: features as of that moment.
--
-- Columns
--   customer_id                BIGINT
--   acquisition_channel        VARCHAR
--   acquisition_source         VARCHAR
--   device_type                VARCHAR
--   age_group                  VARCHAR
--   region                     VARCHAR
--   area_type                  VARCHAR
--   channel_quality            DOUBLE
--   days_observed              DOUBLE
--   made_first_purchase        BOOLEAN
--   bought_in_first_week       BOOLEAN
--   visited_website            BOOLEAN
--   opened_email               BOOLEAN
--   clicked_email              BOOLEAN
--   added_to_cart              BOOLEAN
--   cart_without_purchase      BOOLEAN
--   website_visits_30d         INTEGER
--   email_opens_30d            INTEGER
--   email_clicks_30d           INTEGER
--   items_viewed_30d           INTEGER
--   cart_adds_30d              INTEGER
--   website_visits_per_day     DOUBLE
--   email_opens_per_day        DOUBLE
--   email_clicks_per_day       DOUBLE
--   items_viewed_per_day       DOUBLE
--   cart_adds_per_day          DOUBLE
--   website_visits_share       DOUBLE
--   email_opens_share          DOUBLE
--   items_viewed_share         DOUBLE
--   cart_adds_share            DOUBLE
--   actions_per_day            DOUBLE
--   engagement_score           INTEGER
--   engagement_per_day         DOUBLE
--   email_click_rate           DOUBLE
--   cart_per_view              DOUBLE
--   first_purchase_category    VARCHAR
--   days_to_first_purchase     INTEGER
--   first_purchase_amount      DOUBLE
--   days_since_first_purchase  DOUBLE
--   purchases                  BIGINT
--   spent_so_far               DOUBLE
--   spent_per_day              DOUBLE
--
-- Reads    features.coldstart_channel_quality, raw.coldstart_customers, raw.coldstart_customers_staging, raw.coldstart_transactions
WITH "t17" AS (
  SELECT
    *
  FROM (
    SELECT
      "t9"."customer_id",
      "t9"."signup_date",
      "t9"."acquisition_channel",
      "t9"."acquisition_source",
      "t9"."device_type",
      "t9"."age_group",
      "t9"."region",
      "t9"."area_type",
      "t9"."days_to_first_purchase",
      "t9"."first_purchase_date",
      "t9"."first_purchase_amount",
      "t9"."first_purchase_category",
      "t9"."website_visits_30d",
      "t9"."email_opens_30d",
      "t9"."email_clicks_30d",
      "t9"."items_viewed_30d",
      "t9"."cart_adds_30d",
      "t9"."observed_at"
    FROM (
      SELECT
        *
      FROM "raw"."coldstart_customers" AS "t1"
      WHERE
        "t1"."observed_at" < as_of()
    ) AS "t9"
    ANTI JOIN (
      SELECT
        "t13".*
        EXCLUDE ("place")
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t7"."customer_id",
            "t7"."signup_date",
            "t7"."acquisition_channel",
            "t7"."acquisition_source",
            "t7"."device_type",
            "t7"."age_group",
            "t7"."region",
            "t7"."area_type",
            "t7"."days_to_first_purchase",
            "t7"."first_purchase_date",
            "t7"."first_purchase_amount",
            "t7"."first_purchase_category",
            "t7"."website_visits_30d",
            "t7"."email_opens_30d",
            "t7"."email_clicks_30d",
            "t7"."items_viewed_30d",
            "t7"."cart_adds_30d",
            "t7"."observed_at",
            ROW_NUMBER() OVER (
              PARTITION BY "t7"."customer_id"
              ORDER BY "t7"."observed_at" DESC, "t7"."signup_date", "t7"."acquisition_channel", "t7"."acquisition_source", "t7"."device_type", "t7"."age_group", "t7"."region", "t7"."area_type", "t7"."days_to_first_purchase", "t7"."first_purchase_date", "t7"."first_purchase_amount", "t7"."first_purchase_category", "t7"."website_visits_30d", "t7"."email_opens_30d", "t7"."email_clicks_30d", "t7"."items_viewed_30d", "t7"."cart_adds_30d"
              ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
            ) - 1 AS "place"
          FROM (
            SELECT
              *
            FROM "raw"."coldstart_customers_staging" AS "t2"
            WHERE
              "t2"."observed_at" < as_of()
          ) AS "t7"
        ) AS "t12"
        WHERE
          "t12"."place" = 0
      ) AS "t13"
    ) AS "t15"
      ON "t9"."customer_id" = "t15"."customer_id"
  ) AS "t16"
  UNION ALL
  SELECT
    *
  FROM (
    SELECT
      "t13".*
      EXCLUDE ("place")
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t7"."customer_id",
          "t7"."signup_date",
          "t7"."acquisition_channel",
          "t7"."acquisition_source",
          "t7"."device_type",
          "t7"."age_group",
          "t7"."region",
          "t7"."area_type",
          "t7"."days_to_first_purchase",
          "t7"."first_purchase_date",
          "t7"."first_purchase_amount",
          "t7"."first_purchase_category",
          "t7"."website_visits_30d",
          "t7"."email_opens_30d",
          "t7"."email_clicks_30d",
          "t7"."items_viewed_30d",
          "t7"."cart_adds_30d",
          "t7"."observed_at",
          ROW_NUMBER() OVER (
            PARTITION BY "t7"."customer_id"
            ORDER BY "t7"."observed_at" DESC, "t7"."signup_date", "t7"."acquisition_channel", "t7"."acquisition_source", "t7"."device_type", "t7"."age_group", "t7"."region", "t7"."area_type", "t7"."days_to_first_purchase", "t7"."first_purchase_date", "t7"."first_purchase_amount", "t7"."first_purchase_category", "t7"."website_visits_30d", "t7"."email_opens_30d", "t7"."email_clicks_30d", "t7"."items_viewed_30d", "t7"."cart_adds_30d"
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
          ) - 1 AS "place"
        FROM (
          SELECT
            *
          FROM "raw"."coldstart_customers_staging" AS "t2"
          WHERE
            "t2"."observed_at" < as_of()
        ) AS "t7"
      ) AS "t12"
      WHERE
        "t12"."place" = 0
    ) AS "t13"
  ) AS "t14"
)
SELECT
  "t31"."customer_id",
  "t31"."acquisition_channel",
  "t31"."acquisition_source",
  "t31"."device_type",
  "t31"."age_group",
  "t31"."region",
  "t31"."area_type",
  "t31"."channel_quality",
  "t31"."days_observed",
  "t31"."bought" AS "made_first_purchase",
  "t31"."bought" AND COALESCE("t31"."days_to_first_purchase" <= 7, FALSE) AS "bought_in_first_week",
  "t31"."website_visits_30d" > 0 AS "visited_website",
  "t31"."email_opens_30d" > 0 AS "opened_email",
  "t31"."email_clicks_30d" > 0 AS "clicked_email",
  "t31"."cart_adds_30d" > 0 AS "added_to_cart",
  (
    "t31"."cart_adds_30d" > 0
  ) AND NOT (
    "t31"."bought"
  ) AS "cart_without_purchase",
  "t31"."website_visits_30d",
  "t31"."email_opens_30d",
  "t31"."email_clicks_30d",
  "t31"."items_viewed_30d",
  "t31"."cart_adds_30d",
  "t31"."website_visits_30d" / "t31"."days_observed" AS "website_visits_per_day",
  "t31"."email_opens_30d" / "t31"."days_observed" AS "email_opens_per_day",
  "t31"."email_clicks_30d" / "t31"."days_observed" AS "email_clicks_per_day",
  "t31"."items_viewed_30d" / "t31"."days_observed" AS "items_viewed_per_day",
  "t31"."cart_adds_30d" / "t31"."days_observed" AS "cart_adds_per_day",
  "t31"."website_visits_30d" / NULLIF(
    "t31"."website_visits_30d" + "t31"."email_opens_30d" + "t31"."items_viewed_30d" + "t31"."cart_adds_30d",
    0
  ) AS "website_visits_share",
  "t31"."email_opens_30d" / NULLIF(
    "t31"."website_visits_30d" + "t31"."email_opens_30d" + "t31"."items_viewed_30d" + "t31"."cart_adds_30d",
    0
  ) AS "email_opens_share",
  "t31"."items_viewed_30d" / NULLIF(
    "t31"."website_visits_30d" + "t31"."email_opens_30d" + "t31"."items_viewed_30d" + "t31"."cart_adds_30d",
    0
  ) AS "items_viewed_share",
  "t31"."cart_adds_30d" / NULLIF(
    "t31"."website_visits_30d" + "t31"."email_opens_30d" + "t31"."items_viewed_30d" + "t31"."cart_adds_30d",
    0
  ) AS "cart_adds_share",
  (
    "t31"."website_visits_30d" + "t31"."email_opens_30d" + "t31"."items_viewed_30d" + "t31"."cart_adds_30d"
  ) / "t31"."days_observed" AS "actions_per_day",
  "t31"."engagement_score",
  "t31"."engagement_score" / "t31"."days_observed" AS "engagement_per_day",
  "t31"."email_clicks_30d" / NULLIF("t31"."email_opens_30d", 0) AS "email_click_rate",
  "t31"."cart_adds_30d" / NULLIF("t31"."items_viewed_30d", 0) AS "cart_per_view",
  COALESCE("t31"."first_purchase_category", 'none') AS "first_purchase_category",
  "t31"."days_to_first_purchase",
  "t31"."amount" AS "first_purchase_amount",
  "t31"."days_observed" - "t31"."days_to_first_purchase" AS "days_since_first_purchase",
  "t31"."purchases",
  "t31"."spent_so_far",
  "t31"."spent_so_far" / "t31"."days_observed" AS "spent_per_day"
FROM (
  SELECT
    "t30".*
    EXCLUDE ("acquisition_channel_right")
  FROM (
    SELECT
      "t29"."customer_id",
      "t29"."signup_date",
      "t29"."acquisition_channel",
      "t29"."acquisition_source",
      "t29"."device_type",
      "t29"."age_group",
      "t29"."region",
      "t29"."area_type",
      "t29"."days_to_first_purchase",
      "t29"."first_purchase_date",
      "t29"."first_purchase_amount",
      "t29"."first_purchase_category",
      "t29"."website_visits_30d",
      "t29"."email_opens_30d",
      "t29"."email_clicks_30d",
      "t29"."items_viewed_30d",
      "t29"."cart_adds_30d",
      "t29"."observed_at",
      "t29"."purchases",
      "t29"."spent_so_far",
      "t29"."days_observed",
      "t29"."bought",
      "t29"."engagement_score",
      "t29"."amount",
      "t5"."acquisition_channel" AS "acquisition_channel_right",
      "t5"."channel_quality"
    FROM (
      SELECT
        "t27"."customer_id",
        "t27"."signup_date",
        "t27"."acquisition_channel",
        "t27"."acquisition_source",
        "t27"."device_type",
        "t27"."age_group",
        "t27"."region",
        "t27"."area_type",
        "t27"."days_to_first_purchase",
        "t27"."first_purchase_date",
        "t27"."first_purchase_amount",
        "t27"."first_purchase_category",
        COALESCE("t27"."website_visits_30d", 0) AS "website_visits_30d",
        COALESCE("t27"."email_opens_30d", 0) AS "email_opens_30d",
        COALESCE("t27"."email_clicks_30d", 0) AS "email_clicks_30d",
        COALESCE("t27"."items_viewed_30d", 0) AS "items_viewed_30d",
        COALESCE("t27"."cart_adds_30d", 0) AS "cart_adds_30d",
        "t27"."observed_at",
        COALESCE("t27"."purchases", CAST(NOT "t27"."first_purchase_date" IS NULL AS BIGINT)) AS "purchases",
        COALESCE(
          CAST("t27"."spent_so_far" AS DOUBLE),
          CAST("t27"."first_purchase_amount" AS DOUBLE),
          0.0
        ) AS "spent_so_far",
        GREATEST(
          DATE_DIFF('SECOND', CAST("t27"."signup_date" AS TIMESTAMP), "t27"."observed_at") / 86400,
          1
        ) AS "days_observed",
        NOT "t27"."first_purchase_date" IS NULL AS "bought",
        COALESCE("t27"."website_visits_30d", 0) + (
          COALESCE("t27"."email_opens_30d", 0) * 1
        ) + (
          COALESCE("t27"."email_clicks_30d", 0) * 3
        ) + (
          COALESCE("t27"."items_viewed_30d", 0) * 2
        ) + (
          COALESCE("t27"."cart_adds_30d", 0) * 5
        ) AS "engagement_score",
        CAST("t27"."first_purchase_amount" AS DOUBLE) AS "amount"
      FROM (
        SELECT
          "t26".*
          EXCLUDE ("customer_id_right")
        FROM (
          SELECT
            "t19"."customer_id",
            "t19"."signup_date",
            "t19"."acquisition_channel",
            "t19"."acquisition_source",
            "t19"."device_type",
            "t19"."age_group",
            "t19"."region",
            "t19"."area_type",
            "t19"."days_to_first_purchase",
            "t19"."first_purchase_date",
            "t19"."first_purchase_amount",
            "t19"."first_purchase_category",
            "t19"."website_visits_30d",
            "t19"."email_opens_30d",
            "t19"."email_clicks_30d",
            "t19"."items_viewed_30d",
            "t19"."cart_adds_30d",
            "t19"."observed_at",
            "t25"."customer_id" AS "customer_id_right",
            "t25"."purchases",
            "t25"."spent_so_far"
          FROM "t17" AS "t19"
          LEFT OUTER JOIN (
            SELECT
              "t23"."customer_id",
              COUNT(*) AS "purchases",
              SUM("t23"."amount") AS "spent_so_far"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t11"."customer_id",
                  "t11"."transaction_date",
                  "t11"."amount",
                  "t21"."observed_at"
                FROM (
                  SELECT
                    "t8"."customer_id",
                    "t8"."transaction_date",
                    "t8"."amount"
                  FROM (
                    SELECT
                      *
                    FROM "raw"."coldstart_transactions" AS "t3"
                    WHERE
                      "t3"."transaction_date" < as_of()
                  ) AS "t8"
                ) AS "t11"
                INNER JOIN (
                  SELECT
                    "t18"."customer_id",
                    "t18"."observed_at"
                  FROM "t17" AS "t18"
                ) AS "t21"
                  ON "t11"."customer_id" = "t21"."customer_id"
              ) AS "t22"
              WHERE
                "t22"."transaction_date" < "t22"."observed_at"
            ) AS "t23"
            GROUP BY
              1
          ) AS "t25"
            ON "t19"."customer_id" = "t25"."customer_id"
        ) AS "t26"
      ) AS "t27"
    ) AS "t29"
    LEFT OUTER JOIN (
      SELECT
        "t0"."acquisition_channel",
        "t0"."channel_quality"
      FROM "features"."coldstart_channel_quality" AS "t0"
    ) AS "t5"
      ON "t29"."acquisition_channel" = "t5"."acquisition_channel"
  ) AS "t30"
) AS "t31";
