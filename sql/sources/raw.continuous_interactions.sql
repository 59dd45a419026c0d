-- The schema of raw.continuous_interactions, recorded by: foretable sync
CREATE TABLE "raw"."continuous_interactions" (
  "interaction_id" BIGINT,
  "customer_id" BIGINT,
  "event_date" TIMESTAMP,
  "event_type" VARCHAR
);
