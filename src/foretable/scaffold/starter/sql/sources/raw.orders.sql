-- The schema of raw.orders, recorded by: foretable sync
CREATE TABLE "raw"."orders" (
  "order_id" BIGINT,
  "customer_id" BIGINT,
  "ordered_at" TIMESTAMP,
  "channel" VARCHAR,
  "amount" DOUBLE
);
