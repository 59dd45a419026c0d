-- features.continuous_customer_features: feature view, one row per customer_id
-- One row per customer with 90 days of tenure or more: all of the above, and what follows from it.
--
-- Scores are quintiles, 5 the best; who never bought has 1. Velocities are per day. ``expected_rate`` and ``expected_value``
-- are a customer's own purchases per day and money per purchase, mixed with those of the average customer.
--
-- Columns
--   customer_id                  BIGINT
--   age_group                    VARCHAR
--   region                       VARCHAR
--   recency_days                 INTEGER
--   frequency                    BIGINT
--   monetary_total               DECIMAL(18,2)
--   monetary_avg                 DOUBLE
--   tenure_days                  INTEGER
--   repeat_purchases             INTEGER
--   repeat_span_days             INTEGER
--   purchase_age_days            INTEGER
--   repeat_value                 DOUBLE
--   spend_last_period            DOUBLE
--   unique_categories_purchased  BIGINT
--   total_items_purchased        HUGEINT
--   returns                      BIGINT
--   recent_30d_amount            DOUBLE
--   recent_30d_count             BIGINT
--   recent_90d_amount            DOUBLE
--   recent_90d_count             BIGINT
--   recent_180d_amount           DOUBLE
--   recent_180d_count            BIGINT
--   recent_365d_amount           DOUBLE
--   recent_365d_count            BIGINT
--   total_interactions           BIGINT
--   website_visits               BIGINT
--   email_opens                  BIGINT
--   email_clicks                 BIGINT
--   support_tickets              BIGINT
--   product_views                BIGINT
--   cart_adds                    BIGINT
--   email_engagement_rate        DOUBLE
--   interactions_30d             BIGINT
--   interactions_90d             BIGINT
--   interactions_365d            BIGINT
--   days_since_interaction       INTEGER
--   tenure_cohort                VARCHAR
--   recency_score                INTEGER
--   frequency_score              INTEGER
--   monetary_score               INTEGER
--   rfm_score                    DOUBLE
--   lifecycle_stage              VARCHAR
--   monetary_vs_cohort           DOUBLE
--   frequency_vs_cohort          DOUBLE
--   purchase_velocity_30d        DOUBLE
--   purchase_velocity_90d        DOUBLE
--   spending_velocity_30d        DOUBLE
--   spending_velocity_90d        DOUBLE
--   velocity_acceleration        DOUBLE
--   spending_acceleration        DOUBLE
--   engagement_per_purchase      DOUBLE
--   support_intensity            DOUBLE
--   cart_to_view_ratio           DOUBLE
--   interaction_rate             DOUBLE
--   interaction_trend_30d        DOUBLE
--   interaction_trend_90d        DOUBLE
--   interaction_silence          DOUBLE
--   expected_rate                DOUBLE
--   expected_value               DOUBLE
--   expected_spend               DOUBLE
--   purchase_silence             DOUBLE
--   silence_share                DOUBLE
--
-- Reads    features.rfm_cut_points, features.clv_today, features.cohort_benchmarks, features.engagement_features, features.purchase_patterns, features.rfm_features, raw.continuous_customers_profile, raw.continuous_customers_profile_staging
SELECT
  "t41"."customer_id",
  "t41"."age_group",
  "t41"."region",
  "t41"."recency_days",
  "t41"."frequency",
  "t41"."monetary_total",
  "t41"."monetary_avg",
  "t41"."tenure_days",
  "t41"."repeat_purchases",
  "t41"."repeat_span_days",
  "t41"."purchase_age_days",
  "t41"."repeat_value",
  "t41"."spend_last_period",
  "t41"."unique_categories_purchased",
  "t41"."total_items_purchased",
  "t41"."returns",
  "t41"."recent_30d_amount",
  "t41"."recent_30d_count",
  "t41"."recent_90d_amount",
  "t41"."recent_90d_count",
  "t41"."recent_180d_amount",
  "t41"."recent_180d_count",
  "t41"."recent_365d_amount",
  "t41"."recent_365d_count",
  "t41"."total_interactions",
  "t41"."website_visits",
  "t41"."email_opens",
  "t41"."email_clicks",
  "t41"."support_tickets",
  "t41"."product_views",
  "t41"."cart_adds",
  "t41"."email_engagement_rate",
  "t41"."interactions_30d",
  "t41"."interactions_90d",
  "t41"."interactions_365d",
  "t41"."days_since_interaction",
  "t41"."tenure_cohort",
  "t41"."recency_score",
  "t41"."frequency_score",
  "t41"."monetary_score",
  (
    (
      "t41"."recency_score" * 4
    ) + (
      "t41"."frequency_score" * 3
    ) + (
      "t41"."monetary_score" * 3
    )
  ) / 10 AS "rfm_score",
  CASE
    WHEN "t41"."frequency" = 0
    THEN 'prospect'
    WHEN "t41"."tenure_days" < 180
    THEN 'new'
    WHEN (
      "t41"."recency_score" <= 2
    ) AND (
      "t41"."frequency_score" >= 3
    )
    THEN 'at_risk'
    WHEN (
      "t41"."recency_score" >= 4
    )
    AND (
      "t41"."frequency_score" >= 4
    )
    AND (
      "t41"."monetary_score" >= 4
    )
    THEN 'champion'
    WHEN "t41"."monetary_score" >= 4
    THEN 'high_value'
    ELSE 'regular'
  END AS "lifecycle_stage",
  CAST("t41"."monetary_total" AS DOUBLE) / NULLIF("t41"."cohort_monetary", 0) AS "monetary_vs_cohort",
  "t41"."frequency" / NULLIF("t41"."cohort_frequency", 0) AS "frequency_vs_cohort",
  "t41"."recent_30d_count" / 30 AS "purchase_velocity_30d",
  "t41"."recent_90d_count" / 90 AS "purchase_velocity_90d",
  "t41"."recent_30d_amount" / 30 AS "spending_velocity_30d",
  "t41"."recent_90d_amount" / 90 AS "spending_velocity_90d",
  (
    "t41"."recent_30d_count" / 30
  ) - (
    "t41"."recent_90d_count" / 90
  ) AS "velocity_acceleration",
  (
    "t41"."recent_30d_amount" / 30
  ) - (
    "t41"."recent_90d_amount" / 90
  ) AS "spending_acceleration",
  "t41"."total_interactions" / NULLIF("t41"."frequency", 0) AS "engagement_per_purchase",
  "t41"."support_tickets" / NULLIF("t41"."frequency", 0) AS "support_intensity",
  "t41"."cart_adds" / NULLIF("t41"."product_views", 0) AS "cart_to_view_ratio",
  "t41"."total_interactions" / "t41"."tenure_seen" AS "interaction_rate",
  "t41"."interactions_30d" / NULLIF((
    "t41"."total_interactions" / "t41"."tenure_seen"
  ) * 30, 0) AS "interaction_trend_30d",
  "t41"."interactions_90d" / NULLIF((
    "t41"."total_interactions" / "t41"."tenure_seen"
  ) * 90, 0) AS "interaction_trend_90d",
  "t41"."days_since_interaction" * (
    "t41"."total_interactions" / "t41"."tenure_seen"
  ) AS "interaction_silence",
  (
    "t41"."frequency" + (
      "t41"."average_rate" * 180
    )
  ) / (
    "t41"."tenure_days" + 180
  ) AS "expected_rate",
  (
    "t41"."gross_amount" + (
      "t41"."average_value" * 2
    )
  ) / (
    "t41"."frequency" + 2
  ) AS "expected_value",
  (
    (
      "t41"."frequency" + (
        "t41"."average_rate" * 180
      )
    ) / (
      "t41"."tenure_days" + 180
    )
  ) * 365 * (
    (
      "t41"."gross_amount" + (
        "t41"."average_value" * 2
      )
    ) / (
      "t41"."frequency" + 2
    )
  ) AS "expected_spend",
  "t41"."recency_days" * (
    (
      "t41"."frequency" + (
        "t41"."average_rate" * 180
      )
    ) / (
      "t41"."tenure_days" + 180
    )
  ) AS "purchase_silence",
  "t41"."recency_days" / NULLIF("t41"."purchase_age_days", 0) AS "silence_share"
FROM (
  SELECT
    "t40"."customer_id",
    "t40"."first_purchase_date",
    "t40"."last_purchase_date",
    "t40"."recency_days",
    "t40"."frequency",
    "t40"."monetary_total",
    "t40"."monetary_avg",
    "t40"."tenure_days",
    "t40"."repeat_purchases",
    "t40"."repeat_span_days",
    "t40"."purchase_age_days",
    "t40"."repeat_value",
    "t40"."spend_last_period",
    "t40"."age_group",
    "t40"."region",
    "t40"."unique_categories_purchased",
    "t40"."total_items_purchased",
    "t40"."returns",
    "t40"."recent_30d_count",
    "t40"."recent_90d_count",
    "t40"."recent_180d_count",
    "t40"."recent_365d_count",
    "t40"."gross_amount",
    "t40"."recent_30d_amount",
    "t40"."recent_90d_amount",
    "t40"."recent_180d_amount",
    "t40"."recent_365d_amount",
    "t40"."last_interaction_date",
    "t40"."total_interactions",
    "t40"."interactions_30d",
    "t40"."interactions_90d",
    "t40"."interactions_365d",
    "t40"."website_visits",
    "t40"."email_opens",
    "t40"."email_clicks",
    "t40"."support_tickets",
    "t40"."product_views",
    "t40"."cart_adds",
    "t40"."email_engagement_rate",
    "t40"."tenure_cohort",
    "t40"."cohort_monetary",
    "t40"."cohort_frequency",
    "t40"."recency_1",
    "t40"."recency_2",
    "t40"."recency_3",
    "t40"."recency_4",
    "t40"."frequency_1",
    "t40"."frequency_2",
    "t40"."frequency_3",
    "t40"."frequency_4",
    "t40"."monetary_1",
    "t40"."monetary_2",
    "t40"."monetary_3",
    "t40"."monetary_4",
    "t40"."average_rate",
    "t40"."average_value",
    "t40"."today",
    6 - CAST(COALESCE(
      CAST("t40"."recency_days" > "t40"."recency_1" AS INT) + CAST("t40"."recency_days" > "t40"."recency_2" AS INT) + CAST("t40"."recency_days" > "t40"."recency_3" AS INT) + CAST("t40"."recency_days" > "t40"."recency_4" AS INT) + 1,
      5
    ) AS INT) AS "recency_score",
    CAST(COALESCE(
      CAST(NULLIF("t40"."frequency", 0) > "t40"."frequency_1" AS INT) + CAST(NULLIF("t40"."frequency", 0) > "t40"."frequency_2" AS INT) + CAST(NULLIF("t40"."frequency", 0) > "t40"."frequency_3" AS INT) + CAST(NULLIF("t40"."frequency", 0) > "t40"."frequency_4" AS INT) + 1,
      1
    ) AS INT) AS "frequency_score",
    CAST(COALESCE(
      CAST(CASE
        WHEN "t40"."frequency" > 0
        THEN CAST("t40"."monetary_total" AS DOUBLE)
        ELSE NULL
      END > "t40"."monetary_1" AS INT) + CAST(CASE
        WHEN "t40"."frequency" > 0
        THEN CAST("t40"."monetary_total" AS DOUBLE)
        ELSE NULL
      END > "t40"."monetary_2" AS INT) + CAST(CASE
        WHEN "t40"."frequency" > 0
        THEN CAST("t40"."monetary_total" AS DOUBLE)
        ELSE NULL
      END > "t40"."monetary_3" AS INT) + CAST(CASE
        WHEN "t40"."frequency" > 0
        THEN CAST("t40"."monetary_total" AS DOUBLE)
        ELSE NULL
      END > "t40"."monetary_4" AS INT) + 1,
      1
    ) AS INT) AS "monetary_score",
    CAST(CASE
      WHEN DATE_DIFF('DAY', "t40"."last_interaction_date", "t40"."today") < 0
      THEN 0
      ELSE DATE_DIFF('DAY', "t40"."last_interaction_date", "t40"."today")
    END AS INT) AS "days_since_interaction",
    CAST("t40"."tenure_days" AS DOUBLE) AS "tenure_seen"
  FROM (
    SELECT
      "t39"."customer_id",
      "t39"."first_purchase_date",
      "t39"."last_purchase_date",
      "t39"."recency_days",
      "t39"."frequency",
      "t39"."monetary_total",
      "t39"."monetary_avg",
      "t39"."tenure_days",
      "t39"."repeat_purchases",
      "t39"."repeat_span_days",
      "t39"."purchase_age_days",
      "t39"."repeat_value",
      "t39"."spend_last_period",
      "t39"."age_group",
      "t39"."region",
      "t39"."unique_categories_purchased",
      "t39"."total_items_purchased",
      "t39"."returns",
      "t39"."recent_30d_count",
      "t39"."recent_90d_count",
      "t39"."recent_180d_count",
      "t39"."recent_365d_count",
      "t39"."gross_amount",
      "t39"."recent_30d_amount",
      "t39"."recent_90d_amount",
      "t39"."recent_180d_amount",
      "t39"."recent_365d_amount",
      "t39"."last_interaction_date",
      "t39"."total_interactions",
      "t39"."interactions_30d",
      "t39"."interactions_90d",
      "t39"."interactions_365d",
      "t39"."website_visits",
      "t39"."email_opens",
      "t39"."email_clicks",
      "t39"."support_tickets",
      "t39"."product_views",
      "t39"."cart_adds",
      "t39"."email_engagement_rate",
      "t39"."tenure_cohort",
      "t39"."cohort_monetary",
      "t39"."cohort_frequency",
      "t8"."recency_1",
      "t8"."recency_2",
      "t8"."recency_3",
      "t8"."recency_4",
      "t8"."frequency_1",
      "t8"."frequency_2",
      "t8"."frequency_3",
      "t8"."frequency_4",
      "t8"."monetary_1",
      "t8"."monetary_2",
      "t8"."monetary_3",
      "t8"."monetary_4",
      "t8"."average_rate",
      "t8"."average_value",
      "t9"."today"
    FROM (
      SELECT
        "t37".*
        EXCLUDE ("tenure_cohort_right")
      FROM (
        SELECT
          "t36"."customer_id",
          "t36"."first_purchase_date",
          "t36"."last_purchase_date",
          "t36"."recency_days",
          "t36"."frequency",
          "t36"."monetary_total",
          "t36"."monetary_avg",
          "t36"."tenure_days",
          "t36"."repeat_purchases",
          "t36"."repeat_span_days",
          "t36"."purchase_age_days",
          "t36"."repeat_value",
          "t36"."spend_last_period",
          "t36"."age_group",
          "t36"."region",
          "t36"."unique_categories_purchased",
          "t36"."total_items_purchased",
          "t36"."returns",
          "t36"."recent_30d_count",
          "t36"."recent_90d_count",
          "t36"."recent_180d_count",
          "t36"."recent_365d_count",
          "t36"."gross_amount",
          "t36"."recent_30d_amount",
          "t36"."recent_90d_amount",
          "t36"."recent_180d_amount",
          "t36"."recent_365d_amount",
          "t36"."last_interaction_date",
          "t36"."total_interactions",
          "t36"."interactions_30d",
          "t36"."interactions_90d",
          "t36"."interactions_365d",
          "t36"."website_visits",
          "t36"."email_opens",
          "t36"."email_clicks",
          "t36"."support_tickets",
          "t36"."product_views",
          "t36"."cart_adds",
          "t36"."email_engagement_rate",
          "t36"."tenure_cohort",
          "t10"."tenure_cohort" AS "tenure_cohort_right",
          "t10"."cohort_monetary",
          "t10"."cohort_frequency"
        FROM (
          SELECT
            "t34"."customer_id",
            "t34"."first_purchase_date",
            "t34"."last_purchase_date",
            "t34"."recency_days",
            "t34"."frequency",
            "t34"."monetary_total",
            "t34"."monetary_avg",
            "t34"."tenure_days",
            "t34"."repeat_purchases",
            "t34"."repeat_span_days",
            "t34"."purchase_age_days",
            "t34"."repeat_value",
            "t34"."spend_last_period",
            "t34"."age_group",
            "t34"."region",
            "t34"."unique_categories_purchased",
            "t34"."total_items_purchased",
            "t34"."returns",
            "t34"."recent_30d_count",
            "t34"."recent_90d_count",
            "t34"."recent_180d_count",
            "t34"."recent_365d_count",
            "t34"."gross_amount",
            "t34"."recent_30d_amount",
            "t34"."recent_90d_amount",
            "t34"."recent_180d_amount",
            "t34"."recent_365d_amount",
            "t34"."last_interaction_date",
            "t34"."total_interactions",
            "t34"."interactions_30d",
            "t34"."interactions_90d",
            "t34"."interactions_365d",
            "t34"."website_visits",
            "t34"."email_opens",
            "t34"."email_clicks",
            "t34"."support_tickets",
            "t34"."product_views",
            "t34"."cart_adds",
            "t34"."email_engagement_rate",
            CASE
              WHEN "t34"."tenure_days" < 90
              THEN 'below 90 days'
              WHEN "t34"."tenure_days" < 180
              THEN '90 to 179 days'
              WHEN "t34"."tenure_days" < 365
              THEN '180 to 364 days'
              WHEN "t34"."tenure_days" < 730
              THEN 'second year'
              ELSE 'third year or later'
            END AS "tenure_cohort"
          FROM (
            SELECT
              "t33".*
              EXCLUDE ("customer_id_right")
            FROM (
              SELECT
                "t32"."customer_id",
                "t32"."first_purchase_date",
                "t32"."last_purchase_date",
                "t32"."recency_days",
                "t32"."frequency",
                "t32"."monetary_total",
                "t32"."monetary_avg",
                "t32"."tenure_days",
                "t32"."repeat_purchases",
                "t32"."repeat_span_days",
                "t32"."purchase_age_days",
                "t32"."repeat_value",
                "t32"."spend_last_period",
                "t32"."age_group",
                "t32"."region",
                "t32"."unique_categories_purchased",
                "t32"."total_items_purchased",
                "t32"."returns",
                "t32"."recent_30d_count",
                "t32"."recent_90d_count",
                "t32"."recent_180d_count",
                "t32"."recent_365d_count",
                "t32"."gross_amount",
                "t32"."recent_30d_amount",
                "t32"."recent_90d_amount",
                "t32"."recent_180d_amount",
                "t32"."recent_365d_amount",
                "t11"."customer_id" AS "customer_id_right",
                "t11"."last_interaction_date",
                "t11"."total_interactions",
                "t11"."interactions_30d",
                "t11"."interactions_90d",
                "t11"."interactions_365d",
                "t11"."website_visits",
                "t11"."email_opens",
                "t11"."email_clicks",
                "t11"."support_tickets",
                "t11"."product_views",
                "t11"."cart_adds",
                "t11"."email_engagement_rate"
              FROM (
                SELECT
                  "t30".*
                  EXCLUDE ("customer_id_right")
                FROM (
                  SELECT
                    "t29"."customer_id",
                    "t29"."first_purchase_date",
                    "t29"."last_purchase_date",
                    "t29"."recency_days",
                    "t29"."frequency",
                    "t29"."monetary_total",
                    "t29"."monetary_avg",
                    "t29"."tenure_days",
                    "t29"."repeat_purchases",
                    "t29"."repeat_span_days",
                    "t29"."purchase_age_days",
                    "t29"."repeat_value",
                    "t29"."spend_last_period",
                    "t29"."age_group",
                    "t29"."region",
                    "t12"."customer_id" AS "customer_id_right",
                    "t12"."unique_categories_purchased",
                    "t12"."total_items_purchased",
                    "t12"."returns",
                    "t12"."recent_30d_count",
                    "t12"."recent_90d_count",
                    "t12"."recent_180d_count",
                    "t12"."recent_365d_count",
                    "t12"."gross_amount",
                    "t12"."recent_30d_amount",
                    "t12"."recent_90d_amount",
                    "t12"."recent_180d_amount",
                    "t12"."recent_365d_amount"
                  FROM (
                    SELECT
                      "t27".*
                      EXCLUDE ("customer_id_right")
                    FROM (
                      SELECT
                        "t13"."customer_id",
                        "t13"."first_purchase_date",
                        "t13"."last_purchase_date",
                        "t13"."recency_days",
                        "t13"."frequency",
                        "t13"."monetary_total",
                        "t13"."monetary_avg",
                        "t13"."tenure_days",
                        "t13"."repeat_purchases",
                        "t13"."repeat_span_days",
                        "t13"."purchase_age_days",
                        "t13"."repeat_value",
                        "t13"."spend_last_period",
                        "t26"."customer_id" AS "customer_id_right",
                        "t26"."age_group",
                        "t26"."region"
                      FROM "features"."rfm_features" AS "t13"
                      LEFT OUTER JOIN (
                        SELECT
                          "t24"."customer_id",
                          "t24"."age_group",
                          "t24"."region"
                        FROM (
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t18"."customer_id",
                              "t18"."signup_date",
                              "t18"."age_group",
                              "t18"."region"
                            FROM (
                              SELECT
                                *
                              FROM (
                                SELECT
                                  *
                                FROM "raw"."continuous_customers_profile" AS "t6"
                                WHERE
                                  "t6"."signup_date" < DATE_TRUNC('DAY', as_of())
                              ) AS "t14"
                            ) AS "t18"
                            ANTI JOIN (
                              SELECT
                                "t20".*
                                EXCLUDE ("place")
                              FROM (
                                SELECT
                                  *
                                FROM (
                                  SELECT
                                    "t17"."customer_id",
                                    "t17"."signup_date",
                                    "t17"."age_group",
                                    "t17"."region",
                                    ROW_NUMBER() OVER (
                                      PARTITION BY "t17"."customer_id"
                                      ORDER BY "t17"."signup_date" DESC, "t17"."age_group", "t17"."region"
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                                    ) - 1 AS "place"
                                  FROM (
                                    SELECT
                                      *
                                    FROM (
                                      SELECT
                                        *
                                      FROM "raw"."continuous_customers_profile_staging" AS "t7"
                                      WHERE
                                        "t7"."signup_date" < DATE_TRUNC('DAY', as_of())
                                    ) AS "t15"
                                  ) AS "t17"
                                ) AS "t19"
                                WHERE
                                  "t19"."place" = 0
                              ) AS "t20"
                            ) AS "t22"
                              ON "t18"."customer_id" = "t22"."customer_id"
                          ) AS "t23"
                          UNION ALL
                          SELECT
                            *
                          FROM (
                            SELECT
                              "t20".*
                              EXCLUDE ("place")
                            FROM (
                              SELECT
                                *
                              FROM (
                                SELECT
                                  "t17"."customer_id",
                                  "t17"."signup_date",
                                  "t17"."age_group",
                                  "t17"."region",
                                  ROW_NUMBER() OVER (
                                    PARTITION BY "t17"."customer_id"
                                    ORDER BY "t17"."signup_date" DESC, "t17"."age_group", "t17"."region"
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                                  ) - 1 AS "place"
                                FROM (
                                  SELECT
                                    *
                                  FROM (
                                    SELECT
                                      *
                                    FROM "raw"."continuous_customers_profile_staging" AS "t7"
                                    WHERE
                                      "t7"."signup_date" < DATE_TRUNC('DAY', as_of())
                                  ) AS "t15"
                                ) AS "t17"
                              ) AS "t19"
                              WHERE
                                "t19"."place" = 0
                            ) AS "t20"
                          ) AS "t21"
                        ) AS "t24"
                      ) AS "t26"
                        ON "t13"."customer_id" = "t26"."customer_id"
                    ) AS "t27"
                  ) AS "t29"
                  LEFT OUTER JOIN "features"."purchase_patterns" AS "t12"
                    ON "t29"."customer_id" = "t12"."customer_id"
                ) AS "t30"
              ) AS "t32"
              LEFT OUTER JOIN "features"."engagement_features" AS "t11"
                ON "t32"."customer_id" = "t11"."customer_id"
            ) AS "t33"
          ) AS "t34"
          WHERE
            "t34"."tenure_days" >= 90
        ) AS "t36"
        LEFT OUTER JOIN "features"."cohort_benchmarks" AS "t10"
          ON "t36"."tenure_cohort" = "t10"."tenure_cohort"
      ) AS "t37"
    ) AS "t39"
    CROSS JOIN "features"."rfm_cut_points" AS "t8"
    CROSS JOIN "features"."clv_today" AS "t9"
  ) AS "t40"
) AS "t41";
