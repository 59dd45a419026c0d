-- The schema of raw.coldstart_transactions, recorded by: foretable sync
CREATE TABLE "raw"."coldstart_transactions" (
  "transaction_id" BIGINT,
  "customer_id" BIGINT,
  "transaction_date" TIMESTAMP,
  "amount" DECIMAL(10,2)
);
