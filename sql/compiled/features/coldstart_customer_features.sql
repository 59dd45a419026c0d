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
--
-- Reads    features.coldstart_channel_quality, raw.coldstart_customers, raw.coldstart_customers_staging
SELECT
  "t17"."customer_id",
  "t17"."acquisition_channel",
  "t17"."acquisition_source",
  "t17"."device_type",
  "t17"."age_group",
  "t17"."region",
  "t17"."area_type",
  "t17"."channel_quality",
  "t17"."days_observed",
  "t17"."bought" AS "made_first_purchase",
  "t17"."bought" AND COALESCE("t17"."days_to_first_purchase" <= 7, FALSE) AS "bought_in_first_week",
  "t17"."website_visits_30d" > 0 AS "visited_website",
  "t17"."email_opens_30d" > 0 AS "opened_email",
  "t17"."email_clicks_30d" > 0 AS "clicked_email",
  "t17"."cart_adds_30d" > 0 AS "added_to_cart",
  (
    "t17"."cart_adds_30d" > 0
  ) AND NOT (
    "t17"."bought"
  ) AS "cart_without_purchase",
  "t17"."website_visits_30d",
  "t17"."email_opens_30d",
  "t17"."email_clicks_30d",
  "t17"."items_viewed_30d",
  "t17"."cart_adds_30d",
  "t17"."website_visits_30d" / "t17"."days_observed" AS "website_visits_per_day",
  "t17"."email_opens_30d" / "t17"."days_observed" AS "email_opens_per_day",
  "t17"."email_clicks_30d" / "t17"."days_observed" AS "email_clicks_per_day",
  "t17"."items_viewed_30d" / "t17"."days_observed" AS "items_viewed_per_day",
  "t17"."cart_adds_30d" / "t17"."days_observed" AS "cart_adds_per_day",
  "t17"."website_visits_30d" / NULLIF(
    "t17"."website_visits_30d" + "t17"."email_opens_30d" + "t17"."items_viewed_30d" + "t17"."cart_adds_30d",
    0
  ) AS "website_visits_share",
  "t17"."email_opens_30d" / NULLIF(
    "t17"."website_visits_30d" + "t17"."email_opens_30d" + "t17"."items_viewed_30d" + "t17"."cart_adds_30d",
    0
  ) AS "email_opens_share",
  "t17"."items_viewed_30d" / NULLIF(
    "t17"."website_visits_30d" + "t17"."email_opens_30d" + "t17"."items_viewed_30d" + "t17"."cart_adds_30d",
    0
  ) AS "items_viewed_share",
  "t17"."cart_adds_30d" / NULLIF(
    "t17"."website_visits_30d" + "t17"."email_opens_30d" + "t17"."items_viewed_30d" + "t17"."cart_adds_30d",
    0
  ) AS "cart_adds_share",
  (
    "t17"."website_visits_30d" + "t17"."email_opens_30d" + "t17"."items_viewed_30d" + "t17"."cart_adds_30d"
  ) / "t17"."days_observed" AS "actions_per_day",
  "t17"."engagement_score",
  "t17"."engagement_score" / "t17"."days_observed" AS "engagement_per_day",
  "t17"."email_clicks_30d" / NULLIF("t17"."email_opens_30d", 0) AS "email_click_rate",
  "t17"."cart_adds_30d" / NULLIF("t17"."items_viewed_30d", 0) AS "cart_per_view",
  COALESCE("t17"."first_purchase_category", 'none') AS "first_purchase_category",
  "t17"."days_to_first_purchase",
  "t17"."amount" AS "first_purchase_amount",
  "t17"."days_observed" - "t17"."days_to_first_purchase" AS "days_since_first_purchase"
FROM (
  SELECT
    "t16".*
    EXCLUDE ("acquisition_channel_right")
  FROM (
    SELECT
      "t15"."customer_id",
      "t15"."signup_date",
      "t15"."acquisition_channel",
      "t15"."acquisition_source",
      "t15"."device_type",
      "t15"."age_group",
      "t15"."region",
      "t15"."area_type",
      "t15"."days_to_first_purchase",
      "t15"."first_purchase_date",
      "t15"."first_purchase_amount",
      "t15"."first_purchase_category",
      "t15"."website_visits_30d",
      "t15"."email_opens_30d",
      "t15"."email_clicks_30d",
      "t15"."items_viewed_30d",
      "t15"."cart_adds_30d",
      "t15"."observed_at",
      "t15"."days_observed",
      "t15"."bought",
      "t15"."engagement_score",
      "t15"."amount",
      "t4"."acquisition_channel" AS "acquisition_channel_right",
      "t4"."channel_quality"
    FROM (
      SELECT
        "t13"."customer_id",
        "t13"."signup_date",
        "t13"."acquisition_channel",
        "t13"."acquisition_source",
        "t13"."device_type",
        "t13"."age_group",
        "t13"."region",
        "t13"."area_type",
        "t13"."days_to_first_purchase",
        "t13"."first_purchase_date",
        "t13"."first_purchase_amount",
        "t13"."first_purchase_category",
        COALESCE("t13"."website_visits_30d", 0) AS "website_visits_30d",
        COALESCE("t13"."email_opens_30d", 0) AS "email_opens_30d",
        COALESCE("t13"."email_clicks_30d", 0) AS "email_clicks_30d",
        COALESCE("t13"."items_viewed_30d", 0) AS "items_viewed_30d",
        COALESCE("t13"."cart_adds_30d", 0) AS "cart_adds_30d",
        "t13"."observed_at",
        GREATEST(
          DATE_DIFF('SECOND', CAST("t13"."signup_date" AS TIMESTAMP), "t13"."observed_at") / 86400,
          1
        ) AS "days_observed",
        NOT "t13"."first_purchase_date" IS NULL AS "bought",
        COALESCE("t13"."website_visits_30d", 0) + (
          COALESCE("t13"."email_opens_30d", 0) * 1
        ) + (
          COALESCE("t13"."email_clicks_30d", 0) * 3
        ) + (
          COALESCE("t13"."items_viewed_30d", 0) * 2
        ) + (
          COALESCE("t13"."cart_adds_30d", 0) * 5
        ) AS "engagement_score",
        CAST("t13"."first_purchase_amount" AS DOUBLE) AS "amount"
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
            "t7"."observed_at"
          FROM (
            SELECT
              *
            FROM "raw"."coldstart_customers" AS "t1"
            WHERE
              "t1"."observed_at" < as_of()
          ) AS "t7"
          ANTI JOIN (
            SELECT
              "t9".*
              EXCLUDE ("place")
            FROM (
              SELECT
                *
              FROM (
                SELECT
                  "t6"."customer_id",
                  "t6"."signup_date",
                  "t6"."acquisition_channel",
                  "t6"."acquisition_source",
                  "t6"."device_type",
                  "t6"."age_group",
                  "t6"."region",
                  "t6"."area_type",
                  "t6"."days_to_first_purchase",
                  "t6"."first_purchase_date",
                  "t6"."first_purchase_amount",
                  "t6"."first_purchase_category",
                  "t6"."website_visits_30d",
                  "t6"."email_opens_30d",
                  "t6"."email_clicks_30d",
                  "t6"."items_viewed_30d",
                  "t6"."cart_adds_30d",
                  "t6"."observed_at",
                  ROW_NUMBER() OVER (
                    PARTITION BY "t6"."customer_id"
                    ORDER BY "t6"."observed_at" DESC, "t6"."signup_date", "t6"."acquisition_channel", "t6"."acquisition_source", "t6"."device_type", "t6"."age_group", "t6"."region", "t6"."area_type", "t6"."days_to_first_purchase", "t6"."first_purchase_date", "t6"."first_purchase_amount", "t6"."first_purchase_category", "t6"."website_visits_30d", "t6"."email_opens_30d", "t6"."email_clicks_30d", "t6"."items_viewed_30d", "t6"."cart_adds_30d"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                  ) - 1 AS "place"
                FROM (
                  SELECT
                    *
                  FROM "raw"."coldstart_customers_staging" AS "t2"
                  WHERE
                    "t2"."observed_at" < as_of()
                ) AS "t6"
              ) AS "t8"
              WHERE
                "t8"."place" = 0
            ) AS "t9"
          ) AS "t11"
            ON "t7"."customer_id" = "t11"."customer_id"
        ) AS "t12"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t9".*
            EXCLUDE ("place")
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t6"."customer_id",
                "t6"."signup_date",
                "t6"."acquisition_channel",
                "t6"."acquisition_source",
                "t6"."device_type",
                "t6"."age_group",
                "t6"."region",
                "t6"."area_type",
                "t6"."days_to_first_purchase",
                "t6"."first_purchase_date",
                "t6"."first_purchase_amount",
                "t6"."first_purchase_category",
                "t6"."website_visits_30d",
                "t6"."email_opens_30d",
                "t6"."email_clicks_30d",
                "t6"."items_viewed_30d",
                "t6"."cart_adds_30d",
                "t6"."observed_at",
                ROW_NUMBER() OVER (
                  PARTITION BY "t6"."customer_id"
                  ORDER BY "t6"."observed_at" DESC, "t6"."signup_date", "t6"."acquisition_channel", "t6"."acquisition_source", "t6"."device_type", "t6"."age_group", "t6"."region", "t6"."area_type", "t6"."days_to_first_purchase", "t6"."first_purchase_date", "t6"."first_purchase_amount", "t6"."first_purchase_category", "t6"."website_visits_30d", "t6"."email_opens_30d", "t6"."email_clicks_30d", "t6"."items_viewed_30d", "t6"."cart_adds_30d"
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) - 1 AS "place"
              FROM (
                SELECT
                  *
                FROM "raw"."coldstart_customers_staging" AS "t2"
                WHERE
                  "t2"."observed_at" < as_of()
              ) AS "t6"
            ) AS "t8"
            WHERE
              "t8"."place" = 0
          ) AS "t9"
        ) AS "t10"
      ) AS "t13"
    ) AS "t15"
    LEFT OUTER JOIN (
      SELECT
        "t0"."acquisition_channel",
        "t0"."channel_quality"
      FROM "features"."coldstart_channel_quality" AS "t0"
    ) AS "t4"
      ON "t15"."acquisition_channel" = "t4"."acquisition_channel"
  ) AS "t16"
) AS "t17";
