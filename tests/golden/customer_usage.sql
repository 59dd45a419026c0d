-- What features.customer_usage of the shop must hold at a date, written by hand; $as_of is bound.
WITH known AS (
    SELECT * FROM raw.orders WHERE ordered_at < $as_of
)
SELECT
    c.customer_id,
    c.region,
    p.plan,
    p.monthly_fee,
    (SELECT count(*) FROM known AS o WHERE o.customer_id = c.customer_id AND o.ordered_at >= $as_of - INTERVAL 30 DAY) AS orders_30d,
    coalesce(
        (SELECT sum(amount) FROM known AS o WHERE o.customer_id = c.customer_id AND o.ordered_at >= $as_of - INTERVAL 90 DAY), 0
    ) AS spend_90d,
    (SELECT max(ordered_at) FROM known AS o WHERE o.customer_id = c.customer_id) AS last_order_at
FROM raw.customers AS c
LEFT JOIN raw.plans AS p
    ON p.customer_id = c.customer_id AND p.valid_from <= $as_of AND (p.valid_to > $as_of OR p.valid_to IS NULL)
WHERE c.signed_up_at < $as_of
