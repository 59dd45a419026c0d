-- The schema of raw.coldstart_customers_staging, recorded by: foretable sync
CREATE TABLE "raw"."coldstart_customers_staging" (
  "customer_id" BIGINT,
  "signup_date" DATE,
  "acquisition_channel" VARCHAR,
  "acquisition_source" VARCHAR,
  "device_type" VARCHAR,
  "age_group" VARCHAR,
  "region" VARCHAR,
  "area_type" VARCHAR,
  "days_to_first_purchase" INTEGER,
  "first_purchase_date" DATE,
  "first_purchase_amount" DECIMAL(10,2),
  "first_purchase_category" VARCHAR,
  "website_visits_30d" INTEGER,
  "email_opens_30d" INTEGER,
  "email_clicks_30d" INTEGER,
  "items_viewed_30d" INTEGER,
  "cart_adds_30d" INTEGER,
  "observed_at" TIMESTAMP
);
