CREATE TABLE raw.customers (customer_id BIGINT, signed_up_at TIMESTAMP, region VARCHAR, secret INTEGER);
