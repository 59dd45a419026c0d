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
--
-- Reads    features.coldstart_channel_quality, raw.coldstart_customers_staging
SELECT
  "t11"."customer_id",
  "t11"."acquisition_channel",
  "t11"."acquisition_source",
  "t11"."device_type",
  "t11"."age_group",
  "t11"."region",
  "t11"."area_type",
  "t11"."channel_quality",
  "t11"."days_observed",
  "t11"."bought" AS "made_first_purchase",
  "t11"."bought" AND COALESCE("t11"."days_to_first_purchase" <= 7, FALSE) AS "bought_in_first_week",
  "t11"."website_visits_30d" > 0 AS "visited_website",
  "t11"."email_opens_30d" > 0 AS "opened_email",
  "t11"."email_clicks_30d" > 0 AS "clicked_email",
  "t11"."cart_adds_30d" > 0 AS "added_to_cart",
  (
    "t11"."cart_adds_30d" > 0
  ) AND NOT (
    "t11"."bought"
  ) AS "cart_without_purchase",
  "t11"."website_visits_30d",
  "t11"."email_opens_30d",
  "t11"."email_clicks_30d",
  "t11"."items_viewed_30d",
  "t11"."cart_adds_30d",
  "t11"."website_visits_30d" / "t11"."days_observed" AS "website_visits_per_day",
  "t11"."email_opens_30d" / "t11"."days_observed" AS "email_opens_per_day",
  "t11"."email_clicks_30d" / "t11"."days_observed" AS "email_clicks_per_day",
  "t11"."items_viewed_30d" / "t11"."days_observed" AS "items_viewed_per_day",
  "t11"."cart_adds_30d" / "t11"."days_observed" AS "cart_adds_per_day",
  "t11"."website_visits_30d" / NULLIF(
    "t11"."website_visits_30d" + "t11"."email_opens_30d" + "t11"."items_viewed_30d" + "t11"."cart_adds_30d",
    0
  ) AS "website_visits_share",
  "t11"."email_opens_30d" / NULLIF(
    "t11"."website_visits_30d" + "t11"."email_opens_30d" + "t11"."items_viewed_30d" + "t11"."cart_adds_30d",
    0
  ) AS "email_opens_share",
  "t11"."items_viewed_30d" / NULLIF(
    "t11"."website_visits_30d" + "t11"."email_opens_30d" + "t11"."items_viewed_30d" + "t11"."cart_adds_30d",
    0
  ) AS "items_viewed_share",
  "t11"."cart_adds_30d" / NULLIF(
    "t11"."website_visits_30d" + "t11"."email_opens_30d" + "t11"."items_viewed_30d" + "t11"."cart_adds_30d",
    0
  ) AS "cart_adds_share",
  (
    "t11"."website_visits_30d" + "t11"."email_opens_30d" + "t11"."items_viewed_30d" + "t11"."cart_adds_30d"
  ) / "t11"."days_observed" AS "actions_per_day",
  "t11"."engagement_score",
  "t11"."engagement_score" / "t11"."days_observed" AS "engagement_per_day",
  "t11"."email_clicks_30d" / NULLIF("t11"."email_opens_30d", 0) AS "email_click_rate",
  "t11"."cart_adds_30d" / NULLIF("t11"."items_viewed_30d", 0) AS "cart_per_view",
  COALESCE("t11"."first_purchase_category", 'none') AS "first_purchase_category",
  "t11"."days_to_first_purchase",
  "t11"."amount" AS "first_purchase_amount",
  "t11"."days_observed" - "t11"."days_to_first_purchase" AS "days_since_first_purchase"
FROM (
  SELECT
    "t10".*
    EXCLUDE ("acquisition_channel_right")
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
      "t9"."observed_at",
      "t9"."days_observed",
      "t9"."bought",
      "t9"."engagement_score",
      "t9"."amount",
      "t3"."acquisition_channel" AS "acquisition_channel_right",
      "t3"."channel_quality"
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
        COALESCE("t7"."website_visits_30d", 0) AS "website_visits_30d",
        COALESCE("t7"."email_opens_30d", 0) AS "email_opens_30d",
        COALESCE("t7"."email_clicks_30d", 0) AS "email_clicks_30d",
        COALESCE("t7"."items_viewed_30d", 0) AS "items_viewed_30d",
        COALESCE("t7"."cart_adds_30d", 0) AS "cart_adds_30d",
        "t7"."observed_at",
        GREATEST(
          DATE_DIFF('SECOND', CAST("t7"."signup_date" AS TIMESTAMP), "t7"."observed_at") / 86400,
          1
        ) AS "days_observed",
        NOT "t7"."first_purchase_date" IS NULL AS "bought",
        COALESCE("t7"."website_visits_30d", 0) + (
          COALESCE("t7"."email_opens_30d", 0) * 1
        ) + (
          COALESCE("t7"."email_clicks_30d", 0) * 3
        ) + (
          COALESCE("t7"."items_viewed_30d", 0) * 2
        ) + (
          COALESCE("t7"."cart_adds_30d", 0) * 5
        ) AS "engagement_score",
        CAST("t7"."first_purchase_amount" AS DOUBLE) AS "amount"
      FROM (
        SELECT
          "t6".*
          EXCLUDE ("place")
        FROM (
          SELECT
            *
          FROM (
            SELECT
              "t4"."customer_id",
              "t4"."signup_date",
              "t4"."acquisition_channel",
              "t4"."acquisition_source",
              "t4"."device_type",
              "t4"."age_group",
              "t4"."region",
              "t4"."area_type",
              "t4"."days_to_first_purchase",
              "t4"."first_purchase_date",
              "t4"."first_purchase_amount",
              "t4"."first_purchase_category",
              "t4"."website_visits_30d",
              "t4"."email_opens_30d",
              "t4"."email_clicks_30d",
              "t4"."items_viewed_30d",
              "t4"."cart_adds_30d",
              "t4"."observed_at",
              ROW_NUMBER() OVER (
                PARTITION BY "t4"."customer_id"
                ORDER BY "t4"."observed_at" DESC, "t4"."signup_date", "t4"."acquisition_channel", "t4"."acquisition_source", "t4"."device_type", "t4"."age_group", "t4"."region", "t4"."area_type", "t4"."days_to_first_purchase", "t4"."first_purchase_date", "t4"."first_purchase_amount", "t4"."first_purchase_category", "t4"."website_visits_30d", "t4"."email_opens_30d", "t4"."email_clicks_30d", "t4"."items_viewed_30d", "t4"."cart_adds_30d"
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
              ) - 1 AS "place"
            FROM (
              SELECT
                *
              FROM "raw"."coldstart_customers_staging" AS "t1"
              WHERE
                "t1"."observed_at" < as_of()
            ) AS "t4"
          ) AS "t5"
          WHERE
            "t5"."place" = 0
        ) AS "t6"
      ) AS "t7"
    ) AS "t9"
    LEFT OUTER JOIN (
      SELECT
        "t0"."acquisition_channel",
        "t0"."channel_quality"
      FROM "features"."coldstart_channel_quality" AS "t0"
    ) AS "t3"
      ON "t9"."acquisition_channel" = "t3"."acquisition_channel"
  ) AS "t10"
) AS "t11";
