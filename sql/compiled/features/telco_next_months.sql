-- features.telco_next_months: feature view, one row per customer_id, tenure_month
-- One row per live customer and month of the horizon: the state now (0 months ahead) and as it will be if they stay.
--
-- Live are those who have not left after three months or more; younger customers have too short a past.
--
-- Columns
--   customer_id             VARCHAR
--   tenure_month            BIGINT
--   gender                  VARCHAR
--   senior_citizen          BOOLEAN
--   partner                 BOOLEAN
--   dependents              BOOLEAN
--   phone_service           BOOLEAN
--   multiple_lines          BOOLEAN
--   internet_service        VARCHAR
--   online_security         BOOLEAN
--   online_backup           BOOLEAN
--   device_protection       BOOLEAN
--   tech_support            BOOLEAN
--   streaming_tv            BOOLEAN
--   streaming_movies        BOOLEAN
--   contract                VARCHAR
--   paperless_billing       BOOLEAN
--   payment_method          VARCHAR
--   household_size          INTEGER
--   protection_count        INTEGER
--   streaming_count         INTEGER
--   service_count           INTEGER
--   months_active           BIGINT
--   log_months              DOUBLE
--   year_of_tenure          BIGINT
--   first_year              BOOLEAN
--   contract_months         INTEGER
--   month_in_term           BIGINT
--   months_to_renewal       BIGINT
--   term_progress           DOUBLE
--   renewals                BIGINT
--   renewals_3m             BIGINT
--   renewals_6m             BIGINT
--   renewals_12m            BIGINT
--   charges_3m              DOUBLE
--   charges_6m              DOUBLE
--   charges_12m             DOUBLE
--   charge_share_3m         DOUBLE
--   charge_share_6m         DOUBLE
--   charge_share_12m        DOUBLE
--   charges_to_date         DOUBLE
--   monthly_charge          DOUBLE
--   commitment_left         DOUBLE
--   charge_per_service      DOUBLE
--   charge_per_member       DOUBLE
--   addon_share             DOUBLE
--   protection_share        DOUBLE
--   streaming_share         DOUBLE
--   automatic_payment       BOOLEAN
--   uncommitted             BOOLEAN
--   uncommitted_first_year  BOOLEAN
--   fiber_unsupported       BOOLEAN
--   months_ahead            BIGINT
--
-- Reads    clean.telco_customers
WITH "t2" AS (
  SELECT
    "t1"."customer_id",
    "t1"."gender",
    "t1"."senior_citizen",
    "t1"."partner",
    "t1"."dependents",
    "t1"."tenure",
    "t1"."phone_service",
    "t1"."multiple_lines",
    "t1"."internet_service",
    "t1"."online_security",
    "t1"."online_backup",
    "t1"."device_protection",
    "t1"."tech_support",
    "t1"."streaming_tv",
    "t1"."streaming_movies",
    "t1"."contract",
    "t1"."paperless_billing",
    "t1"."payment_method",
    "t1"."monthly_charge",
    "t1"."total_charges",
    "t1"."churned",
    UNNEST(RANGE("t1"."tenure", "t1"."tenure" + 12, 1)) AS "tenure_month"
  FROM (
    SELECT
      *
    FROM "clean"."telco_customers" AS "t0"
    WHERE
      NOT (
        "t0"."churned"
      ) AND "t0"."tenure" >= 3
  ) AS "t1"
)
SELECT
  "t9".*
  EXCLUDE ("customer_id_right", "tenure_month_right")
FROM (
  SELECT
    "t8"."customer_id",
    "t8"."tenure_month",
    "t8"."gender",
    "t8"."senior_citizen",
    "t8"."partner",
    "t8"."dependents",
    "t8"."phone_service",
    "t8"."multiple_lines",
    "t8"."internet_service",
    "t8"."online_security",
    "t8"."online_backup",
    "t8"."device_protection",
    "t8"."tech_support",
    "t8"."streaming_tv",
    "t8"."streaming_movies",
    "t8"."contract",
    "t8"."paperless_billing",
    "t8"."payment_method",
    "t8"."household_size",
    "t8"."protection_count",
    "t8"."streaming_count",
    "t8"."service_count",
    "t8"."months_active",
    "t8"."log_months",
    "t8"."year_of_tenure",
    "t8"."first_year",
    "t8"."contract_months",
    "t8"."month_in_term",
    "t8"."months_to_renewal",
    "t8"."term_progress",
    "t8"."renewals",
    "t8"."renewals_3m",
    "t8"."renewals_6m",
    "t8"."renewals_12m",
    "t8"."charges_3m",
    "t8"."charges_6m",
    "t8"."charges_12m",
    "t8"."charge_share_3m",
    "t8"."charge_share_6m",
    "t8"."charge_share_12m",
    "t8"."charges_to_date",
    "t8"."monthly_charge",
    "t8"."commitment_left",
    "t8"."charge_per_service",
    "t8"."charge_per_member",
    "t8"."addon_share",
    "t8"."protection_share",
    "t8"."streaming_share",
    "t8"."automatic_payment",
    "t8"."uncommitted",
    "t8"."uncommitted_first_year",
    "t8"."fiber_unsupported",
    "t5"."customer_id" AS "customer_id_right",
    "t5"."tenure_month" AS "tenure_month_right",
    "t5"."months_ahead"
  FROM (
    SELECT
      "t6"."customer_id",
      "t6"."tenure_month",
      "t6"."gender",
      "t6"."senior_citizen",
      "t6"."partner",
      "t6"."dependents",
      "t6"."phone_service",
      "t6"."multiple_lines",
      "t6"."internet_service",
      "t6"."online_security",
      "t6"."online_backup",
      "t6"."device_protection",
      "t6"."tech_support",
      "t6"."streaming_tv",
      "t6"."streaming_movies",
      "t6"."contract",
      "t6"."paperless_billing",
      "t6"."payment_method",
      "t6"."household" AS "household_size",
      "t6"."protection" AS "protection_count",
      "t6"."streaming" AS "streaming_count",
      "t6"."services" AS "service_count",
      "t6"."month" AS "months_active",
      LN(CAST("t6"."month" + 1 AS DOUBLE)) AS "log_months",
      CAST(FLOOR((
        "t6"."month" - 1
      ) / (
        12
      )) AS BIGINT) + 1 AS "year_of_tenure",
      "t6"."month" <= 12 AS "first_year",
      "t6"."term" AS "contract_months",
      "t6"."month" % "t6"."term" AS "month_in_term",
      "t6"."term" - (
        "t6"."month" % "t6"."term"
      ) AS "months_to_renewal",
      (
        "t6"."month" % "t6"."term"
      ) / "t6"."term" AS "term_progress",
      CAST(FLOOR((
        "t6"."month"
      ) / (
        "t6"."term"
      )) AS BIGINT) AS "renewals",
      CAST(FLOOR((
        "t6"."month"
      ) / (
        "t6"."term"
      )) AS BIGINT) - CAST(FLOOR((
        GREATEST("t6"."month" - 3, 0)
      ) / (
        "t6"."term"
      )) AS BIGINT) AS "renewals_3m",
      CAST(FLOOR((
        "t6"."month"
      ) / (
        "t6"."term"
      )) AS BIGINT) - CAST(FLOOR((
        GREATEST("t6"."month" - 6, 0)
      ) / (
        "t6"."term"
      )) AS BIGINT) AS "renewals_6m",
      CAST(FLOOR((
        "t6"."month"
      ) / (
        "t6"."term"
      )) AS BIGINT) - CAST(FLOOR((
        GREATEST("t6"."month" - 12, 0)
      ) / (
        "t6"."term"
      )) AS BIGINT) AS "renewals_12m",
      LEAST("t6"."month", 3) * "t6"."price" AS "charges_3m",
      LEAST("t6"."month", 6) * "t6"."price" AS "charges_6m",
      LEAST("t6"."month", 12) * "t6"."price" AS "charges_12m",
      LEAST("t6"."month", 3) / "t6"."month" AS "charge_share_3m",
      LEAST("t6"."month", 6) / "t6"."month" AS "charge_share_6m",
      LEAST("t6"."month", 12) / "t6"."month" AS "charge_share_12m",
      "t6"."month" * "t6"."price" AS "charges_to_date",
      "t6"."price" AS "monthly_charge",
      (
        "t6"."term" - (
          "t6"."month" % "t6"."term"
        )
      ) * "t6"."price" AS "commitment_left",
      "t6"."price" / NULLIF("t6"."services", 0) AS "charge_per_service",
      "t6"."price" / "t6"."household" AS "charge_per_member",
      (
        "t6"."protection" + "t6"."streaming"
      ) / 6 AS "addon_share",
      "t6"."protection" / NULLIF("t6"."services", 0) AS "protection_share",
      "t6"."streaming" / NULLIF("t6"."services", 0) AS "streaming_share",
      "t6"."automatic" AS "automatic_payment",
      (
        "t6"."contract" = 'Month-to-month'
      ) AND NOT (
        "t6"."automatic"
      ) AS "uncommitted",
      (
        "t6"."contract" = 'Month-to-month'
      ) AND (
        "t6"."month" <= 12
      ) AS "uncommitted_first_year",
      (
        "t6"."internet_service" = 'Fiber optic'
      ) AND NOT (
        "t6"."tech_support"
      ) AS "fiber_unsupported"
    FROM (
      SELECT
        "t3"."customer_id",
        "t3"."gender",
        "t3"."senior_citizen",
        "t3"."partner",
        "t3"."dependents",
        "t3"."tenure",
        "t3"."phone_service",
        "t3"."multiple_lines",
        "t3"."internet_service",
        "t3"."online_security",
        "t3"."online_backup",
        "t3"."device_protection",
        "t3"."tech_support",
        "t3"."streaming_tv",
        "t3"."streaming_movies",
        "t3"."contract",
        "t3"."paperless_billing",
        "t3"."payment_method",
        "t3"."monthly_charge",
        "t3"."total_charges",
        "t3"."churned",
        "t3"."tenure_month",
        LEAST("t3"."tenure_month", GREATEST("t3"."tenure", 72)) AS "month",
        CAST("t3"."monthly_charge" AS DOUBLE) AS "price",
        CASE
          WHEN "t3"."contract" = 'Two year'
          THEN 24
          WHEN "t3"."contract" = 'One year'
          THEN 12
          ELSE 1
        END AS "term",
        CAST("t3"."partner" AS INT) + CAST("t3"."dependents" AS INT) + 1 AS "household",
        CAST("t3"."online_security" AS INT) + CAST("t3"."online_backup" AS INT) + CAST("t3"."device_protection" AS INT) + CAST("t3"."tech_support" AS INT) AS "protection",
        CAST("t3"."streaming_tv" AS INT) + CAST("t3"."streaming_movies" AS INT) AS "streaming",
        CAST("t3"."phone_service" AS INT) + CAST("t3"."multiple_lines" AS INT) + CAST("t3"."internet_service" <> 'No' AS INT) AS "basics",
        suffix("t3"."payment_method", '(automatic)') AS "automatic",
        CAST("t3"."phone_service" AS INT) + CAST("t3"."multiple_lines" AS INT) + CAST("t3"."internet_service" <> 'No' AS INT) + (
          CAST("t3"."online_security" AS INT) + CAST("t3"."online_backup" AS INT) + CAST("t3"."device_protection" AS INT) + CAST("t3"."tech_support" AS INT)
        ) + (
          CAST("t3"."streaming_tv" AS INT) + CAST("t3"."streaming_movies" AS INT)
        ) AS "services"
      FROM "t2" AS "t3"
    ) AS "t6"
  ) AS "t8"
  LEFT OUTER JOIN (
    SELECT
      "t3"."customer_id",
      "t3"."tenure_month",
      "t3"."tenure_month" - "t3"."tenure" AS "months_ahead"
    FROM "t2" AS "t3"
  ) AS "t5"
    ON "t8"."customer_id" = "t5"."customer_id"
    AND "t8"."tenure_month" = "t5"."tenure_month"
) AS "t9";
