CREATE TABLE raw.plans (customer_id BIGINT, plan VARCHAR, monthly_fee DECIMAL(8,2), valid_from TIMESTAMP, valid_to TIMESTAMP);
