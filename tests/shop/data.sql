-- A small shop: 400 customers, orders at a customer's own pace until a last day, plans that change once.
CREATE SCHEMA raw;

CREATE TABLE raw.customers AS
SELECT
    i::BIGINT AS customer_id,
    TIMESTAMP '2025-01-01' + to_days((hash(i) % 200)::INTEGER) AS signed_up_at,
    ['north', 'south', 'east'][1 + (hash(i * 3) % 3)::INTEGER] AS region,
    (hash(i * 7) % 100)::INTEGER AS secret
FROM range(400) AS t(i);

CREATE TABLE raw.orders AS
SELECT
    row_number() OVER (ORDER BY ordered_at, customer_id)::BIGINT AS order_id,
    customer_id,
    ordered_at,
    ((hash(customer_id * 31 + n) % 9000) / 100)::DECIMAL(12, 2) AS amount
FROM (
    SELECT
        customer_id,
        n,
        signed_up_at + to_days((n * (3 + hash(customer_id * 5) % 12))::INTEGER) + to_seconds((hash(customer_id + n) % 86400)::INTEGER) AS ordered_at
    FROM raw.customers, range(150) AS r(n)
    WHERE n < 8 + hash(customer_id * 11) % 120
)
WHERE ordered_at < TIMESTAMP '2026-03-01';

CREATE TABLE raw.plans AS
SELECT customer_id, 'basic' AS plan, 9.90::DECIMAL(8, 2) AS monthly_fee, signed_up_at AS valid_from, TIMESTAMP '2025-09-15' AS valid_to
FROM raw.customers
UNION ALL
SELECT customer_id, if(customer_id % 2 = 0, 'gold', 'basic'), if(customer_id % 2 = 0, 24.90, 10.90)::DECIMAL(8, 2), TIMESTAMP '2025-09-15', NULL
FROM raw.customers;
