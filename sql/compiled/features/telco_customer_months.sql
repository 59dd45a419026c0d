-- features.telco_customer_months: feature view, one row per customer_id, tenure_month
-- One row per customer and complete month of tenure, from the third on: the state after that month.
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
--
-- Reads    clean.telco_customers
SELECT
  "t2"."customer_id",
  "t2"."tenure_month",
  "t2"."gender",
  "t2"."senior_citizen",
  "t2"."partner",
  "t2"."dependents",
  "t2"."phone_service",
  "t2"."multiple_lines",
  "t2"."internet_service",
  "t2"."online_security",
  "t2"."online_backup",
  "t2"."device_protection",
  "t2"."tech_support",
  "t2"."streaming_tv",
  "t2"."streaming_movies",
  "t2"."contract",
  "t2"."paperless_billing",
  "t2"."payment_method",
  "t2"."household" AS "household_size",
  "t2"."protection" AS "protection_count",
  "t2"."streaming" AS "streaming_count",
  "t2"."services" AS "service_count",
  "t2"."month" AS "months_active",
  LN(CAST("t2"."month" + 1 AS DOUBLE)) AS "log_months",
  CAST(FLOOR((
    "t2"."month" - 1
  ) / (
    12
  )) AS BIGINT) + 1 AS "year_of_tenure",
  "t2"."month" <= 12 AS "first_year",
  "t2"."term" AS "contract_months",
  "t2"."month" % "t2"."term" AS "month_in_term",
  "t2"."term" - (
    "t2"."month" % "t2"."term"
  ) AS "months_to_renewal",
  (
    "t2"."month" % "t2"."term"
  ) / "t2"."term" AS "term_progress",
  CAST(FLOOR((
    "t2"."month"
  ) / (
    "t2"."term"
  )) AS BIGINT) AS "renewals",
  CAST(FLOOR((
    "t2"."month"
  ) / (
    "t2"."term"
  )) AS BIGINT) - CAST(FLOOR((
    GREATEST("t2"."month" - 3, 0)
  ) / (
    "t2"."term"
  )) AS BIGINT) AS "renewals_3m",
  CAST(FLOOR((
    "t2"."month"
  ) / (
    "t2"."term"
  )) AS BIGINT) - CAST(FLOOR((
    GREATEST("t2"."month" - 6, 0)
  ) / (
    "t2"."term"
  )) AS BIGINT) AS "renewals_6m",
  CAST(FLOOR((
    "t2"."month"
  ) / (
    "t2"."term"
  )) AS BIGINT) - CAST(FLOOR((
    GREATEST("t2"."month" - 12, 0)
  ) / (
    "t2"."term"
  )) AS BIGINT) AS "renewals_12m",
  LEAST("t2"."month", 3) * "t2"."price" AS "charges_3m",
  LEAST("t2"."month", 6) * "t2"."price" AS "charges_6m",
  LEAST("t2"."month", 12) * "t2"."price" AS "charges_12m",
  LEAST("t2"."month", 3) / "t2"."month" AS "charge_share_3m",
  LEAST("t2"."month", 6) / "t2"."month" AS "charge_share_6m",
  LEAST("t2"."month", 12) / "t2"."month" AS "charge_share_12m",
  "t2"."month" * "t2"."price" AS "charges_to_date",
  "t2"."price" AS "monthly_charge",
  (
    "t2"."term" - (
      "t2"."month" % "t2"."term"
    )
  ) * "t2"."price" AS "commitment_left",
  "t2"."price" / NULLIF("t2"."services", 0) AS "charge_per_service",
  "t2"."price" / "t2"."household" AS "charge_per_member",
  (
    "t2"."protection" + "t2"."streaming"
  ) / 6 AS "addon_share",
  "t2"."protection" / NULLIF("t2"."services", 0) AS "protection_share",
  "t2"."streaming" / NULLIF("t2"."services", 0) AS "streaming_share",
  "t2"."automatic" AS "automatic_payment",
  (
    "t2"."contract" = 'Month-to-month'
  ) AND NOT (
    "t2"."automatic"
  ) AS "uncommitted",
  (
    "t2"."contract" = 'Month-to-month'
  ) AND (
    "t2"."month" <= 12
  ) AS "uncommitted_first_year",
  (
    "t2"."internet_service" = 'Fiber optic'
  ) AND NOT (
    "t2"."tech_support"
  ) AS "fiber_unsupported"
FROM (
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
    "t1"."tenure_month",
    "t1"."tenure_month" AS "month",
    CAST("t1"."monthly_charge" AS DOUBLE) AS "price",
    CASE
      WHEN "t1"."contract" = 'Two year'
      THEN 24
      WHEN "t1"."contract" = 'One year'
      THEN 12
      ELSE 1
    END AS "term",
    CAST("t1"."partner" AS INT) + CAST("t1"."dependents" AS INT) + 1 AS "household",
    CAST("t1"."online_security" AS INT) + CAST("t1"."online_backup" AS INT) + CAST("t1"."device_protection" AS INT) + CAST("t1"."tech_support" AS INT) AS "protection",
    CAST("t1"."streaming_tv" AS INT) + CAST("t1"."streaming_movies" AS INT) AS "streaming",
    CAST("t1"."phone_service" AS INT) + CAST("t1"."multiple_lines" AS INT) + CAST("t1"."internet_service" <> 'No' AS INT) AS "basics",
    suffix("t1"."payment_method", '(automatic)') AS "automatic",
    CAST("t1"."phone_service" AS INT) + CAST("t1"."multiple_lines" AS INT) + CAST("t1"."internet_service" <> 'No' AS INT) + (
      CAST("t1"."online_security" AS INT) + CAST("t1"."online_backup" AS INT) + CAST("t1"."device_protection" AS INT) + CAST("t1"."tech_support" AS INT)
    ) + (
      CAST("t1"."streaming_tv" AS INT) + CAST("t1"."streaming_movies" AS INT)
    ) AS "services"
  FROM (
    SELECT
      "t0"."customer_id",
      "t0"."gender",
      "t0"."senior_citizen",
      "t0"."partner",
      "t0"."dependents",
      "t0"."tenure",
      "t0"."phone_service",
      "t0"."multiple_lines",
      "t0"."internet_service",
      "t0"."online_security",
      "t0"."online_backup",
      "t0"."device_protection",
      "t0"."tech_support",
      "t0"."streaming_tv",
      "t0"."streaming_movies",
      "t0"."contract",
      "t0"."paperless_billing",
      "t0"."payment_method",
      "t0"."monthly_charge",
      "t0"."total_charges",
      "t0"."churned",
      UNNEST(RANGE(3, "t0"."tenure" + 1, 1)) AS "tenure_month"
    FROM "clean"."telco_customers" AS "t0"
  ) AS "t1"
) AS "t2";
