-- The schema of raw.continuous_customers_profile, recorded by: foretable sync
CREATE TABLE "raw"."continuous_customers_profile" (
  "customer_id" BIGINT,
  "signup_date" DATE,
  "age_group" VARCHAR,
  "region" VARCHAR
);
