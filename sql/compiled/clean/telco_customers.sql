-- clean.telco_customers: table, one row per customer_id
-- One row per customer: typed, in snake_case; money in DECIMAL, NULL where the file is blank or says neither yes nor no.
--
-- Columns
--   customer_id        VARCHAR
--   gender             VARCHAR
--   senior_citizen     BOOLEAN
--   partner            BOOLEAN
--   dependents         BOOLEAN
--   tenure             INTEGER
--   phone_service      BOOLEAN
--   multiple_lines     BOOLEAN
--   internet_service   VARCHAR
--   online_security    BOOLEAN
--   online_backup      BOOLEAN
--   device_protection  BOOLEAN
--   tech_support       BOOLEAN
--   streaming_tv       BOOLEAN
--   streaming_movies   BOOLEAN
--   contract           VARCHAR
--   paperless_billing  BOOLEAN
--   payment_method     VARCHAR
--   monthly_charge     DECIMAL(10,2)
--   total_charges      DECIMAL(12,2)
--   churned            BOOLEAN
--
-- Reads    raw.telco
SELECT
  "t0"."customerID" AS "customer_id",
  "t0"."gender",
  "t0"."SeniorCitizen" = 1 AS "senior_citizen",
  CASE
    WHEN "t0"."Partner" = 'Yes'
    THEN TRUE
    WHEN "t0"."Partner" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "partner",
  CASE
    WHEN "t0"."Dependents" = 'Yes'
    THEN TRUE
    WHEN "t0"."Dependents" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "dependents",
  CAST("t0"."tenure" AS INT) AS "tenure",
  CASE
    WHEN "t0"."PhoneService" = 'Yes'
    THEN TRUE
    WHEN "t0"."PhoneService" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "phone_service",
  CASE
    WHEN "t0"."MultipleLines" = 'Yes'
    THEN TRUE
    WHEN "t0"."MultipleLines" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "multiple_lines",
  "t0"."InternetService" AS "internet_service",
  CASE
    WHEN "t0"."OnlineSecurity" = 'Yes'
    THEN TRUE
    WHEN "t0"."OnlineSecurity" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "online_security",
  CASE
    WHEN "t0"."OnlineBackup" = 'Yes'
    THEN TRUE
    WHEN "t0"."OnlineBackup" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "online_backup",
  CASE
    WHEN "t0"."DeviceProtection" = 'Yes'
    THEN TRUE
    WHEN "t0"."DeviceProtection" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "device_protection",
  CASE
    WHEN "t0"."TechSupport" = 'Yes'
    THEN TRUE
    WHEN "t0"."TechSupport" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "tech_support",
  CASE
    WHEN "t0"."StreamingTV" = 'Yes'
    THEN TRUE
    WHEN "t0"."StreamingTV" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "streaming_tv",
  CASE
    WHEN "t0"."StreamingMovies" = 'Yes'
    THEN TRUE
    WHEN "t0"."StreamingMovies" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "streaming_movies",
  "t0"."Contract" AS "contract",
  CASE
    WHEN "t0"."PaperlessBilling" = 'Yes'
    THEN TRUE
    WHEN "t0"."PaperlessBilling" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "paperless_billing",
  "t0"."PaymentMethod" AS "payment_method",
  CAST("t0"."MonthlyCharges" AS DECIMAL(10, 2)) AS "monthly_charge",
  TRY_CAST("t0"."TotalCharges" AS DECIMAL(12, 2)) AS "total_charges",
  CASE
    WHEN "t0"."Churn" = 'Yes'
    THEN TRUE
    WHEN "t0"."Churn" IN ('No', 'No phone service', 'No internet service')
    THEN FALSE
    ELSE NULL
  END AS "churned"
FROM "raw"."telco" AS "t0";
