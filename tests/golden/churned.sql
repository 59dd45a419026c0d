-- What training.churned of the shop must hold at a date, written by hand; $as_of is bound.
SELECT DISTINCT
    o.customer_id,
    (NOT EXISTS (
        SELECT 1 FROM raw.orders AS f
        WHERE f.customer_id = o.customer_id AND f.ordered_at >= $as_of AND f.ordered_at < $as_of + INTERVAL 30 DAY
    ))::TINYINT AS churned
FROM raw.orders AS o
WHERE o.ordered_at < $as_of AND o.ordered_at >= $as_of - INTERVAL 90 DAY
