-- features.engagement_features: feature view, one row per customer_id
-- One row per customer: what they do besides buying, in all and in the last 30 and 90 days.
--
-- Columns
--   customer_id            BIGINT
--   last_interaction_date  DATE
--   total_interactions     BIGINT
--   interactions_30d       BIGINT
--   interactions_90d       BIGINT
--   interactions_365d      BIGINT
--   website_visits         BIGINT
--   email_opens            BIGINT
--   email_clicks           BIGINT
--   support_tickets        BIGINT
--   product_views          BIGINT
--   cart_adds              BIGINT
--   email_engagement_rate  DOUBLE
--
-- Reads    raw.continuous_interactions, raw.continuous_customers_profile, raw.continuous_interactions_staging, raw.continuous_customers_profile_staging
SELECT
  "t29"."customer_id",
  "t29"."last_interaction_date",
  COALESCE("t29"."total_interactions", 0) AS "total_interactions",
  COALESCE("t29"."interactions_30d", 0) AS "interactions_30d",
  COALESCE("t29"."interactions_90d", 0) AS "interactions_90d",
  COALESCE("t29"."interactions_365d", 0) AS "interactions_365d",
  COALESCE("t29"."website_visits", 0) AS "website_visits",
  COALESCE("t29"."email_opens", 0) AS "email_opens",
  COALESCE("t29"."email_clicks", 0) AS "email_clicks",
  COALESCE("t29"."support_tickets", 0) AS "support_tickets",
  COALESCE("t29"."product_views", 0) AS "product_views",
  COALESCE("t29"."cart_adds", 0) AS "cart_adds",
  "t29"."email_clicks" / NULLIF("t29"."email_opens", 0) AS "email_engagement_rate"
FROM (
  SELECT
    "t28".*
    EXCLUDE ("customer_id_right")
  FROM (
    SELECT
      "t26"."customer_id",
      "t27"."customer_id" AS "customer_id_right",
      "t27"."last_interaction_date",
      "t27"."total_interactions",
      "t27"."interactions_30d",
      "t27"."interactions_90d",
      "t27"."interactions_365d",
      "t27"."website_visits",
      "t27"."email_opens",
      "t27"."email_clicks",
      "t27"."support_tickets",
      "t27"."product_views",
      "t27"."cart_adds"
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
    ) AS "t26"
    LEFT OUTER JOIN (
      SELECT
        "t21"."customer_id",
        CAST(MAX("t21"."event_date") AS DATE) AS "last_interaction_date",
        COUNT(*) AS "total_interactions",
        COUNT(*) FILTER(WHERE
          (
            "t21"."event_date" >= (
              as_of() - INTERVAL '30' DAY
            )
          )
          AND (
            "t21"."event_date" < as_of()
          )) AS "interactions_30d",
        COUNT(*) FILTER(WHERE
          (
            "t21"."event_date" >= (
              as_of() - INTERVAL '90' DAY
            )
          )
          AND (
            "t21"."event_date" < as_of()
          )) AS "interactions_90d",
        COUNT(*) FILTER(WHERE
          (
            "t21"."event_date" >= (
              as_of() - INTERVAL '365' DAY
            )
          )
          AND (
            "t21"."event_date" < as_of()
          )) AS "interactions_365d",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'website_visit') AS "website_visits",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'email_open') AS "email_opens",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'email_click') AS "email_clicks",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'support_ticket') AS "support_tickets",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'product_view') AS "product_views",
        COUNT(*) FILTER(WHERE
          "t21"."event_type" = 'cart_add') AS "cart_adds"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t8"."interaction_id",
            "t8"."customer_id",
            "t8"."event_date",
            "t8"."event_type"
          FROM (
            SELECT
              *
            FROM "raw"."continuous_interactions" AS "t1"
            WHERE
              "t1"."event_date" < as_of()
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
                  "t5"."interaction_id",
                  "t5"."customer_id",
                  "t5"."event_date",
                  "t5"."event_type",
                  ROW_NUMBER() OVER (
                    PARTITION BY "t5"."customer_id", "t5"."interaction_id"
                    ORDER BY "t5"."event_date" DESC, "t5"."event_type"
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                  ) - 1 AS "place"
                FROM (
                  SELECT
                    *
                  FROM "raw"."continuous_interactions_staging" AS "t3"
                  WHERE
                    "t3"."event_date" < as_of()
                ) AS "t5"
              ) AS "t12"
              WHERE
                "t12"."place" = 0
            ) AS "t14"
          ) AS "t16"
            ON "t8"."customer_id" = "t16"."customer_id"
            AND "t8"."interaction_id" = "t16"."interaction_id"
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
                "t5"."interaction_id",
                "t5"."customer_id",
                "t5"."event_date",
                "t5"."event_type",
                ROW_NUMBER() OVER (
                  PARTITION BY "t5"."customer_id", "t5"."interaction_id"
                  ORDER BY "t5"."event_date" DESC, "t5"."event_type"
                  ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                ) - 1 AS "place"
              FROM (
                SELECT
                  *
                FROM "raw"."continuous_interactions_staging" AS "t3"
                WHERE
                  "t3"."event_date" < as_of()
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
      ON "t26"."customer_id" = "t27"."customer_id"
  ) AS "t28"
) AS "t29";
