CREATE TABLE raw.orders (order_id BIGINT, customer_id BIGINT, ordered_at TIMESTAMP, amount DECIMAL(12,2));
