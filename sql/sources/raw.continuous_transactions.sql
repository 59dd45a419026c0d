-- The schema of raw.continuous_transactions, recorded by: foretable sync
CREATE TABLE "raw"."continuous_transactions" (
  "transaction_id" BIGINT,
  "customer_id" BIGINT,
  "transaction_date" TIMESTAMP,
  "amount" DECIMAL(10,2),
  "product_category" VARCHAR,
  "quantity" INTEGER
);
