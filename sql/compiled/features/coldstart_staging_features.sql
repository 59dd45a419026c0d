-- features.coldstart_staging_features: feature view, one row per customer_id
-- One row per customer in the staging table: the same features.
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
-- Reads    features.coldstart_channel_quality, raw.coldstart_customers_staging, raw.coldstart_transactions
SELECT
  "t24"."customer_id",
  "t24"."acquisition_channel",
  "t24"."acquisition_source",
  "t24"."device_type",
  "t24"."age_group",
  "t24"."region",
  "t24"."area_type",
  "t24"."channel_quality",
  "t24"."days_observed",
  "t24"."bought" AS "made_first_purchase",
  "t24"."bought" AND COALESCE("t24"."days_to_first_purchase" <= 7, FALSE) AS "bought_in_first_week",
  "t24"."website_visits_30d" > 0 AS "visited_website",
  "t24"."email_opens_30d" > 0 AS "opened_email",
  "t24"."email_clicks_30d" > 0 AS "clicked_email",
  "t24"."cart_adds_30d" > 0 AS "added_to_cart",
  (
    "t24"."cart_adds_30d" > 0
  ) AND NOT (
    "t24"."bought"
  ) AS "cart_without_purchase",
  "t24"."website_visits_30d",
  "t24"."email_opens_30d",
  "t24"."email_clicks_30d",
  "t24"."items_viewed_30d",
  "t24"."cart_adds_30d",
  "t24"."website_visits_30d" / "t24"."days_observed" AS "website_visits_per_day",
  "t24"."email_opens_30d" / "t24"."days_observed" AS "email_opens_per_day",
  "t24"."email_clicks_30d" / "t24"."days_observed" AS "email_clicks_per_day",
  "t24"."items_viewed_30d" / "t24"."days_observed" AS "items_viewed_per_day",
  "t24"."cart_adds_30d" / "t24"."days_observed" AS "cart_adds_per_day",
  "t24"."website_visits_30d" / NULLIF(
    "t24"."website_visits_30d" + "t24"."email_opens_30d" + "t24"."items_viewed_30d" + "t24"."cart_adds_30d",
    0
  ) AS "website_visits_share",
  "t24"."email_opens_30d" / NULLIF(
    "t24"."website_visits_30d" + "t24"."email_opens_30d" + "t24"."items_viewed_30d" + "t24"."cart_adds_30d",
    0
  ) AS "email_opens_share",
  "t24"."items_viewed_30d" / NULLIF(
    "t24"."website_visits_30d" + "t24"."email_opens_30d" + "t24"."items_viewed_30d" + "t24"."cart_adds_30d",
    0
  ) AS "items_viewed_share",
  "t24"."cart_adds_30d" / NULLIF(
    "t24"."website_visits_30d" + "t24"."email_opens_30d" + "t24"."items_viewed_30d" + "t24"."cart_adds_30d",
    0
  ) AS "cart_adds_share",
  (
    "t24"."website_visits_30d" + "t24"."email_opens_30d" + "t24"."items_viewed_30d" + "t24"."cart_adds_30d"
  ) / "t24"."days_observed" AS "actions_per_day",
  "t24"."engagement_score",
  "t24"."engagement_score" / "t24"."days_observed" AS "engagement_per_day",
  "t24"."email_clicks_30d" / NULLIF("t24"."email_opens_30d", 0) AS "email_click_rate",
  "t24"."cart_adds_30d" / NULLIF("t24"."items_viewed_30d", 0) AS "cart_per_view",
  COALESCE("t24"."first_purchase_category", 'none') AS "first_purchase_category",
  "t24"."days_to_first_purchase",
  "t24"."amount" AS "first_purchase_amount",
  "t24"."days_observed" - "t24"."days_to_first_purchase" AS "days_since_first_purchase",
  "t24"."purchases",
  "t24"."spent_so_far",
  "t24"."spent_so_far" / "t24"."days_observed" AS "spent_per_day"
FROM (
  SELECT
    "t23".*
    EXCLUDE ("acquisition_channel_right")
  FROM (
    SELECT
      "t22"."customer_id",
      "t22"."signup_date",
      "t22"."acquisition_channel",
      "t22"."acquisition_source",
      "t22"."device_type",
      "t22"."age_group",
      "t22"."region",
      "t22"."area_type",
      "t22"."days_to_first_purchase",
      "t22"."first_purchase_date",
      "t22"."first_purchase_amount",
      "t22"."first_purchase_category",
      "t22"."website_visits_30d",
      "t22"."email_opens_30d",
      "t22"."email_clicks_30d",
      "t22"."items_viewed_30d",
      "t22"."cart_adds_30d",
      "t22"."observed_at",
      "t22"."purchases",
      "t22"."spent_so_far",
      "t22"."days_observed",
      "t22"."bought",
      "t22"."engagement_score",
      "t22"."amount",
      "t4"."acquisition_channel" AS "acquisition_channel_right",
      "t4"."channel_quality"
    FROM (
      SELECT
        "t20"."customer_id",
        "t20"."signup_date",
        "t20"."acquisition_channel",
        "t20"."acquisition_source",
        "t20"."device_type",
        "t20"."age_group",
        "t20"."region",
        "t20"."area_type",
        "t20"."days_to_first_purchase",
        "t20"."first_purchase_date",
        "t20"."first_purchase_amount",
        "t20"."first_purchase_category",
        COALESCE("t20"."website_visits_30d", 0) AS "website_visits_30d",
        COALESCE("t20"."email_opens_30d", 0) AS "email_opens_30d",
        COALESCE("t20"."email_clicks_30d", 0) AS "email_clicks_30d",
        COALESCE("t20"."items_viewed_30d", 0) AS "items_viewed_30d",
        COALESCE("t20"."cart_adds_30d", 0) AS "cart_adds_30d",
        "t20"."observed_at",
        COALESCE("t20"."purchases", CAST(NOT "t20"."first_purchase_date" IS NULL AS BIGINT)) AS "purchases",
        COALESCE(
          CAST("t20"."spent_so_far" AS DOUBLE),
          CAST("t20"."first_purchase_amount" AS DOUBLE),
          0.0
        ) AS "spent_so_far",
        GREATEST(
          DATE_DIFF('SECOND', CAST("t20"."signup_date" AS TIMESTAMP), "t20"."observed_at") / 86400,
          1
        ) AS "days_observed",
        NOT "t20"."first_purchase_date" IS NULL AS "bought",
        COALESCE("t20"."website_visits_30d", 0) + (
          COALESCE("t20"."email_opens_30d", 0) * 1
        ) + (
          COALESCE("t20"."email_clicks_30d", 0) * 3
        ) + (
          COALESCE("t20"."items_viewed_30d", 0) * 2
        ) + (
          COALESCE("t20"."cart_adds_30d", 0) * 5
        ) AS "engagement_score",
        CAST("t20"."first_purchase_amount" AS DOUBLE) AS "amount"
      FROM (
        SELECT
          "t19".*
          EXCLUDE ("customer_id_right")
        FROM (
          SELECT
            "t12"."customer_id",
            "t12"."signup_date",
            "t12"."acquisition_channel",
            "t12"."acquisition_source",
            "t12"."device_type",
            "t12"."age_group",
            "t12"."region",
            "t12"."area_type",
            "t12"."days_to_first_purchase",
            "t12"."first_purchase_date",
            "t12"."first_purchase_amount",
            "t12"."first_purchase_category",
            "t12"."website_visits_30d",
            "t12"."email_opens_30d",
            "t12"."email_clicks_30d",
            "t12"."items_viewed_30d",
            "t12"."cart_adds_30d",
            "t12"."observed_at",
            "t18"."customer_id" AS "customer_id_right",
            "t18"."purchases",
            "t18"."spent_so_far"
          FROM (
            SELECT
              "t10".*
              EXCLUDE ("place")
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t5"."customer_id",
                  "t5"."signup_date",
                  "t5"."acquisition_channel",
                  "t5"."acquisition_source",
                  "t5"."device_type",
                  "t5"."age_group",
                  "t5"."region",
                  "t5"."area_type",
                  "t5"."days_to_first_purchase",
                  "t5"."first_purchase_date",
                  "t5"."first_purchase_amount",
                  "t5"."first_purchase_category",
                  "t5"."website_visits_30d",
                  "t5"."email_opens_30d",
                  "t5"."email_clicks_30d",
                  "t5"."items_viewed_30d",
                  "t5"."cart_adds_30d",
                  "t5"."observed_at",
                  ROW_NUMBER() OVER (
                    PARTITION BY "t5"."customer_id"
                    ORDER BY "t5"."observed_at" DESC, "t5"."signup_date", "t5"."acquisition_channel", "t5"."acquisition_source", "t5"."device_type", "t5"."age_group", "t5"."region", "t5"."area_type", "t5"."days_to_first_purchase", "t5"."first_purchase_date", "t5"."first_purchase_amount", "t5"."first_purchase_category", "t5"."website_visits_30d", "t5"."email_opens_30d", "t5"."email_clicks_30d", "t5"."items_viewed_30d", "t5"."cart_adds_30d"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                  ) - 1 AS "place"
                FROM (
                  SELECT
                    *
                  FROM "raw"."coldstart_customers_staging" AS "t1"
                  WHERE
                    "t1"."observed_at" < as_of()
                ) AS "t5"
              ) AS "t9"
              WHERE
                "t9"."place" = 0
            ) AS "t10"
          ) AS "t12"
          LEFT OUTER JOIN (
            SELECT
              "t16"."customer_id",
              COUNT(*) AS "purchases",
              SUM("t16"."amount") AS "spent_so_far"
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t8"."customer_id",
                  "t8"."transaction_date",
                  "t8"."amount",
                  "t14"."observed_at"
                FROM (
                  SELECT
                    "t6"."customer_id",
                    "t6"."transaction_date",
                    "t6"."amount"
                  FROM (
                    SELECT
                      *
                    FROM "raw"."coldstart_transactions" AS "t2"
                    WHERE
                      "t2"."transaction_date" < as_of()
                  ) AS "t6"
                ) AS "t8"
                INNER JOIN (
                  SELECT
                    "t11"."customer_id",
                    "t11"."observed_at"
                  FROM (
                    SELECT
                      "t10".*
                      EXCLUDE ("place")
                    FROM (
                      SELECT
                        *
                      FROM (
                        SELECT
                          "t5"."customer_id",
                          "t5"."signup_date",
                          "t5"."acquisition_channel",
                          "t5"."acquisition_source",
                          "t5"."device_type",
                          "t5"."age_group",
                          "t5"."region",
                          "t5"."area_type",
                          "t5"."days_to_first_purchase",
                          "t5"."first_purchase_date",
                          "t5"."first_purchase_amount",
                          "t5"."first_purchase_category",
                          "t5"."website_visits_30d",
                          "t5"."email_opens_30d",
                          "t5"."email_clicks_30d",
                          "t5"."items_viewed_30d",
                          "t5"."cart_adds_30d",
                          "t5"."observed_at",
                          ROW_NUMBER() OVER (
                            PARTITION BY "t5"."customer_id"
                            ORDER BY "t5"."observed_at" DESC, "t5"."signup_date", "t5"."acquisition_channel", "t5"."acquisition_source", "t5"."device_type", "t5"."age_group", "t5"."region", "t5"."area_type", "t5"."days_to_first_purchase", "t5"."first_purchase_date", "t5"."first_purchase_amount", "t5"."first_purchase_category", "t5"."website_visits_30d", "t5"."email_opens_30d", "t5"."email_clicks_30d", "t5"."items_viewed_30d", "t5"."cart_adds_30d"
                            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                          ) - 1 AS "place"
                        FROM (
                          SELECT
                            *
                          FROM "raw"."coldstart_customers_staging" AS "t1"
                          WHERE
                            "t1"."observed_at" < as_of()
                        ) AS "t5"
                      ) AS "t9"
                      WHERE
                        "t9"."place" = 0
                    ) AS "t10"
                  ) AS "t11"
                ) AS "t14"
                  ON "t8"."customer_id" = "t14"."customer_id"
              ) AS "t15"
              WHERE
                "t15"."transaction_date" < "t15"."observed_at"
            ) AS "t16"
            GROUP BY
              1
          ) AS "t18"
            ON "t12"."customer_id" = "t18"."customer_id"
        ) AS "t19"
      ) AS "t20"
    ) AS "t22"
    LEFT OUTER JOIN (
      SELECT
        "t0"."acquisition_channel",
        "t0"."channel_quality"
      FROM "features"."coldstart_channel_quality" AS "t0"
    ) AS "t4"
      ON "t22"."acquisition_channel" = "t4"."acquisition_channel"
  ) AS "t23"
) AS "t24";
