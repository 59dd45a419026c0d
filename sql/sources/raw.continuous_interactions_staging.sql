-- The schema of raw.continuous_interactions_staging, recorded by: foretable sync
CREATE TABLE "raw"."continuous_interactions_staging" (
  "interaction_id" BIGINT,
  "customer_id" BIGINT,
  "event_date" TIMESTAMP,
  "event_type" VARCHAR
);
