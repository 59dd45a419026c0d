-- What the analyser says, one query a line: key | place:columns | effects (with the way to the key) | edges | volatile.

-- projection: k
SELECT k, v FROM raw.t;
--> k | 0:k | t(k)
SELECT k AS k, CAST(k AS BIGINT) AS j FROM raw.t;
--> k | 0:k | t(k)
SELECT CAST(k AS BIGINT) AS k FROM raw.t;
--> k | 0:k | t(k)
SELECT CAST(k AS INTEGER) AS k FROM raw.t;
--> FULL k is computed: CAST(t.k AS INT)
SELECT k + 0 AS k, v FROM raw.t;
--> FULL k is computed: t.k + 0
SELECT K FROM RAW.T;
--> k | 0:k | t(k)
SELECT x.k FROM (SELECT id AS k, k AS id FROM raw.t) AS x;
--> k | 0:id | t(id)
SELECT k, half(v) AS h FROM raw.t;
--> k | 0:k | t(k)
SELECT k, unnest(l) AS u FROM raw.t;
--> k | 0:k | t(k)
SELECT max(k) AS k FROM raw.t;
--> FULL k is computed: MAX(t.k)
SELECT p, count(*) AS n FROM raw.t GROUP BY p;
--> FULL k is computed: nothing
SELECT k, v FROM raw.floats;
--> FULL k is of type DOUBLE, in which different values may be equal
SELECT k, v FROM raw.t ORDER BY v;
--> FULL ORDER BY orders all of its rows
SELECT k, v FROM (SELECT k, v FROM raw.t ORDER BY v);
--> k | 0:k | t(k)
SELECT k, v FROM raw.t LIMIT 10;
--> FULL LIMIT takes some of all rows
SELECT k, v FROM raw.t USING SAMPLE 10%;
--> FULL it samples its rows

-- groups: k
SELECT k, sum(v) AS s FROM raw.t GROUP BY k;
--> k | 0:k | t(k)
SELECT k, sum(v) AS s FROM raw.t GROUP BY 1;
--> k | 0:k | t(k)
SELECT k, sum(v) AS s FROM raw.t GROUP BY ALL;
--> k | 0:k | t(k)
SELECT k AS j, k, sum(v) AS s FROM raw.t GROUP BY j, k;
--> k | 0:k | t(k)
SELECT k, p, count(DISTINCT id) FILTER (v > 1) AS n, quantile_cont(v, 0.5) AS q, arg_max(v, ts) AS a FROM raw.t GROUP BY k, p HAVING count(*) > 1;
--> k | 0:k | t(k)
SELECT k, max(n) AS n FROM (SELECT k, p, count(*) AS n FROM raw.t GROUP BY k, p) GROUP BY k;
--> k | 0:k | t(k)
SELECT k, sum(s) AS s FROM (SELECT max(k) AS k, p, sum(v) AS s FROM raw.t GROUP BY p) GROUP BY k;
--> FULL k is computed: MAX(t.k)
SELECT k, count(*) AS n FROM raw.t GROUP BY GROUPING SETS ((k), (k, p));
--> FULL it groups in several ways at once
SELECT k, count(*) AS n FROM raw.t GROUP BY ROLLUP (k);
--> FULL it groups in several ways at once
SELECT DISTINCT k, p FROM raw.t;
--> k | 0:k | t(k)
SELECT * FROM (SELECT DISTINCT ON (k) k, v, ts FROM raw.t ORDER BY k, ts DESC);
--> k | 0:k | t(k)
SELECT DISTINCT ON (p) p, k FROM raw.t;
--> FULL DISTINCT ON without ORDER BY keeps any rows
SELECT DISTINCT ON (k) k, v FROM raw.t ORDER BY k, ts DESC;
--> FULL ORDER BY orders all of its rows

-- windows: k
SELECT k, sum(v) OVER (PARTITION BY k ORDER BY ts) AS s FROM raw.t;
--> k | 0:k | t(k)
SELECT k, sum(v) OVER w AS s FROM raw.t WINDOW w AS (PARTITION BY k, p);
--> k | 0:k | t(k)
SELECT k, sum(v) OVER (w ORDER BY ts) AS s FROM raw.t WINDOW w AS (PARTITION BY p);
--> FULL the window of SUM(t.v) OVER (w ORDER BY t.ts) goes over rows of several k
SELECT k, rank() OVER (ORDER BY v) AS r FROM raw.t;
--> FULL the window of RANK() OVER (ORDER BY t.v) goes over rows of several k
SELECT k, rank() OVER (PARTITION BY p ORDER BY v) AS r FROM raw.t;
--> FULL the window of RANK() OVER (PARTITION BY t.p ORDER BY t.v) goes over rows of several k
SELECT k, v FROM raw.t QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts DESC, id) = 1;
--> k | 0:k | t(k)
SELECT k, v FROM (SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY ts DESC, id) AS r FROM raw.t) WHERE r = 1;
--> k | 0:k | t(k)
SELECT k, v FROM raw.t QUALIFY rank() OVER (ORDER BY ts) < 3;
--> FULL the window of RANK() OVER (ORDER BY t.ts) goes over rows of several k
SELECT k, rank() OVER (ORDER BY sum(v)) AS r FROM raw.t GROUP BY k;
--> FULL the window of RANK() OVER (ORDER BY SUM(t.v)) goes over rows of several k
SELECT c.k, m.s / avg(m.s) OVER (PARTITION BY c.segment) AS r FROM raw.c AS c JOIN (SELECT k, sum(v) AS s FROM raw.t GROUP BY k) AS m ON m.k = c.k;
--> FULL the window of AVG(m.s) OVER (PARTITION BY c.segment) goes over rows of several k
SELECT k, ntile(5) OVER (ORDER BY s, k) AS q FROM (SELECT k, sum(v) AS s FROM raw.t GROUP BY k);
--> FULL the window of NTILE(5) OVER (ORDER BY s, k) goes over rows of several k

-- joins: k
SELECT c.k, t.v FROM raw.c AS c JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT t.k, t.v FROM raw.c AS c JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c JOIN raw.t AS t USING (k);
--> k | 0:k 1:k | c(k) t(k)
SELECT k, v FROM raw.c NATURAL JOIN raw.t;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c, raw.t AS t WHERE t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k AND t.v > 1;
--> k | 0:k 1:k | c(k) t(k)
SELECT t.k, c.segment FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k;
--> FULL k comes from t, which the outer join may leave missing
SELECT t.k, c.segment FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k WHERE t.k = c.k;
--> FULL k comes from t, which the outer join may leave missing
SELECT coalesce(t.k, c.k) AS k FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT coalesce(t.k, c.k) AS k FROM raw.c AS c LEFT JOIN raw.t AS t ON t.id = c.k;
--> FULL k is computed: COALESCE(t.k, c.k)
SELECT k, v FROM raw.c LEFT JOIN raw.t USING (k);
--> k | 0:k 1:k | c(k) t(k)
SELECT t.k, c.segment FROM raw.c AS c RIGHT JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c RIGHT JOIN raw.t AS t ON t.k = c.k;
--> FULL k comes from c, which the outer join may leave missing
SELECT coalesce(c.k, t.k) AS k, v FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT k, v FROM raw.c FULL JOIN raw.t USING (k);
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k;
--> FULL k comes from c, which the outer join may leave missing
SELECT c.k, count(*) AS n FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k GROUP BY c.k;
--> FULL k comes from c, which the outer join may leave missing
SELECT coalesce(c.k, t.k, p.k) AS k FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k FULL JOIN raw.plans AS p ON p.k = coalesce(c.k, t.k);
--> k | 0:k 1:k 2:k | c(k) plans(k) t(k)
SELECT coalesce(c.k, t.k, p.k) AS k FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k FULL JOIN raw.plans AS p ON p.k = c.k;
--> k | 0:k 1:k 2:k | c(k) plans(k) t(k)
SELECT c.k FROM raw.c AS c SEMI JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k FROM raw.c AS c ANTI JOIN raw.t AS t ON t.k = c.k AND t.v > 1;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, x.v FROM raw.c AS c LEFT JOIN raw.text AS x ON x.k = c.k;
--> k | 0:k | c(k) text()
SELECT c.k, x.v FROM raw.c AS c JOIN raw.text AS x ON CAST(x.k AS BIGINT) = c.k;
--> k | 0:k | c(k) text()
SELECT a.k, count(*) AS n FROM raw.t AS a JOIN raw.t AS b ON a.k = b.k AND a.ts < b.ts GROUP BY a.k;
--> k | 0:k 1:k | t(k)
SELECT a.k, count(*) AS n FROM raw.t AS a JOIN raw.t AS b ON a.p = b.p GROUP BY a.k;
--> k | 0:k | t(k) t(p)>t(p->k)
SELECT a.k, count(*) AS n FROM raw.t AS a JOIN raw.t AS b ON a.ts < b.ts GROUP BY a.k;
--> FULL raw.t is read whole besides, so that any change of it changes every row: b is joined without an equality that leads to the key
SELECT c.k FROM raw.c AS c POSITIONAL JOIN raw.t AS t;
--> FULL POSITIONAL JOIN goes by the order of rows, which a table does not keep
SELECT c.k, t.v FROM raw.c AS c ASOF LEFT JOIN raw.t AS t ON t.k = c.k AND t.ts <= c.since;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c ASOF JOIN (SELECT k, ts, v FROM raw.t WHERE v > 1) AS t ON t.k = c.k AND c.since >= t.ts;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c ASOF JOIN (SELECT k, ts, sum(v) AS v FROM raw.t GROUP BY k, ts) AS t ON t.k = c.k AND c.since >= t.ts;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM (SELECT k, since AS ts FROM raw.c) AS c ASOF JOIN raw.t AS t USING (k, ts);
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, t.v FROM raw.c AS c ASOF JOIN (SELECT t.k, t.ts, t.v FROM raw.t AS t JOIN raw.p AS p ON p.p = t.p) AS t ON t.k = c.k AND c.since >= t.ts;
--> FULL which of several rows of t ASOF JOIN takes cannot be checked
SELECT t.k, c.segment FROM raw.c AS c ASOF JOIN raw.t AS t ON t.k = c.k AND t.ts <= c.since;
--> k | 0:k 1:k | c(k) t(k)
SELECT t.k, p.price FROM raw.p AS p ASOF JOIN raw.t AS t ON t.p = p.p AND t.ts <= p.day;
--> FULL k comes from t, of which ASOF JOIN takes the latest row of all
SELECT a.k FROM (raw.c AS a JOIN raw.t AS b ON a.k = b.k) JOIN raw.plans AS p ON p.k = a.k;
--> FULL a join stands in brackets

-- dimensions: k
SELECT t.k, sum(p.price) AS s FROM raw.t AS t JOIN raw.p AS p ON t.p = p.p GROUP BY t.k;
--> k | 0:k | p(p)>t(p->k) t(k)
SELECT t.k, b.name FROM raw.t AS t JOIN raw.p AS p ON t.p = p.p LEFT JOIN raw.brand AS b ON b.brand = p.brand;
--> k | 0:k | brand(brand)>p(brand->p)>t(p->k) p(p)>t(p->k) t(k)
SELECT t.k, b.n FROM raw.t AS t JOIN raw.p AS p ON t.p = p.p JOIN (SELECT brand, count(*) AS n FROM raw.p GROUP BY brand) AS b ON b.brand = p.brand;
--> k | 0:k | p(brand)>p(brand->p)>t(p->k) p(p)>t(p->k) t(k)
SELECT t.k, p.price - (SELECT avg(price) FROM raw.p) AS d FROM raw.t AS t JOIN raw.p AS p ON t.p = p.p;
--> k | 1:k | p() t(k)
SELECT t.k, t.v > cut.w AS high FROM raw.t AS t CROSS JOIN (SELECT max(w) AS w FROM raw.seg) AS cut;
--> k | 0:k | seg() t(k)
SELECT t.k, (SELECT price FROM raw.p AS p WHERE p.p = t.p) AS price FROM raw.t AS t;
--> k | 1:k | p(p)>t(p->k) t(k)
SELECT k, v FROM raw.t WHERE p IN (SELECT p FROM raw.p WHERE price > 3);
--> k | 0:k | p(p)>t(p->k) t(k)
SELECT k, v FROM raw.t WHERE p NOT IN (SELECT p FROM raw.p WHERE price > 3);
--> k | 0:k | p() t(k)
SELECT k, p IN (SELECT p FROM raw.p) AS known FROM raw.t;
--> k | 1:k | p() t(k)
SELECT c.k, s.w FROM raw.c AS c LEFT JOIN raw.seg AS s ON s.segment = c.segment AND s.valid_from <= as_of();
--> k | 0:k | c(k) seg(segment)>c(segment->k) | seg(segment)>c(segment->k): valid_from ~ as_of()
SELECT x.k, p.price FROM (SELECT k, p FROM raw.t UNION ALL SELECT k, p FROM raw.t WHERE v > 3) AS x JOIN raw.p AS p ON p.p = x.p;
--> k | 0:k 1:k | p(p)>t(p->k) t(k)
SELECT k, sum(v) / (SELECT sum(v) FROM raw.t) AS share FROM raw.t GROUP BY k;
--> FULL raw.t is read whole besides, so that any change of it changes every row: a subquery reads it without comparing a column with the key
SELECT m.k, m.month, c.segment FROM raw.months AS m JOIN raw.c AS c ON c.k = m.k;
--> k | 0:k 1:k | c(k) months(k)

-- sets: k
SELECT k, ts FROM raw.t UNION ALL SELECT k, since FROM raw.c;
--> k | 0:k 1:k | c(k) t(k)
SELECT k, sum(x) AS x FROM (SELECT k, v AS x FROM raw.t UNION ALL SELECT k, 1 FROM raw.plans) GROUP BY k;
--> k | 0:k 1:k | plans(k) t(k)
SELECT k FROM raw.t EXCEPT SELECT k FROM raw.c;
--> k | 0:k 1:k | c(k) t(k)
SELECT k FROM raw.t INTERSECT SELECT k FROM raw.c;
--> k | 0:k 1:k | c(k) t(k)
SELECT k FROM raw.t UNION SELECT NULL;
--> k | 0:k | t(k)
SELECT k FROM raw.c UNION SELECT k FROM raw.text;
--> FULL k may be of another type in one side of UNION
SELECT k, v FROM raw.t UNION ALL BY NAME SELECT v, k FROM raw.months;
--> FULL UNION BY NAME is not looked into
SELECT k FROM raw.t UNION ALL SELECT id FROM raw.t;
--> k | 0:k 1:id | t(id) t(k)
SELECT k FROM raw.t UNION ALL SELECT max(k) FROM raw.c;
--> FULL k may be of another type in one side of UNION

-- ctes: k
WITH r AS (SELECT * FROM raw.t WHERE v > 1), a AS (SELECT k, count(*) AS n FROM r GROUP BY k) SELECT c.k, a.n FROM raw.c AS c LEFT JOIN a USING (k);
--> k | 0:k 1:k | c(k) t(k)
WITH r AS (SELECT * FROM raw.t), a AS (SELECT k, sum(v) AS s FROM r GROUP BY k), b AS (SELECT k, max(v) AS m FROM r GROUP BY k) SELECT a.k, s, m FROM a JOIN b ON a.k = b.k;
--> k | 0:k | t(k)
WITH r AS (SELECT * FROM raw.t) SELECT k, sum(v) / (SELECT sum(v) FROM r) AS s FROM r GROUP BY k;
--> FULL raw.t is read whole besides, so that any change of it changes every row: a subquery reads it without comparing a column with the key
WITH r AS MATERIALIZED (SELECT k, v FROM raw.t) SELECT k, v FROM r;
--> k | 0:k | t(k)
WITH r AS (SELECT p FROM raw.p) SELECT k, v FROM raw.t;
--> k | 1:k | p() t(k)
WITH RECURSIVE r AS (SELECT k, 1 AS n FROM raw.t UNION ALL SELECT k, n + 1 FROM r WHERE n < 3) SELECT k, n FROM r;
--> FULL it is recursive

-- subqueries: k
SELECT c.k FROM raw.c AS c WHERE EXISTS (SELECT 1 FROM raw.t AS t WHERE t.k = c.k AND t.v > 1);
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, NOT EXISTS (SELECT 1 FROM raw.t AS t WHERE t.k = c.k) AS lapsed FROM raw.c AS c;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k FROM raw.c AS c WHERE c.k IN (SELECT k FROM raw.t WHERE v > 1);
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k FROM raw.c AS c WHERE c.k NOT IN (SELECT k FROM raw.t);
--> k | 0:k | c(k) t()
SELECT c.k FROM raw.c AS c WHERE c.k IN (SELECT k FROM raw.t) OR c.segment = 'a';
--> k | 0:k | c(k) t()
SELECT c.k, c.k IN (SELECT k FROM raw.t) AS known FROM raw.c AS c;
--> k | 1:k | c(k) t()
SELECT c.k, (SELECT max(ts) FROM raw.t AS t WHERE t.k = c.k) AS m FROM raw.c AS c;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, (SELECT max(ts) FROM raw.t AS t WHERE t.k < c.k) AS m FROM raw.c AS c;
--> k | 1:k | c(k) t()
SELECT c.k, l.n FROM raw.c AS c, LATERAL (SELECT count(*) AS n FROM raw.t AS t WHERE t.k = c.k) AS l;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, l.n FROM raw.c AS c LEFT JOIN LATERAL (SELECT count(*) AS n FROM raw.t AS t WHERE t.k = c.k) AS l ON true;
--> k | 0:k 1:k | c(k) t(k)
SELECT c.k, l.v FROM raw.c AS c LEFT JOIN LATERAL (SELECT v FROM raw.t AS t WHERE t.k = c.k ORDER BY ts DESC LIMIT 1) AS l ON true;
--> FULL LIMIT takes some of all rows
SELECT c.k FROM raw.c AS c WHERE c.k = ANY (SELECT k FROM raw.t);
--> k | 0:k | c(k) t()
SELECT k, count(*) AS n FROM raw.t GROUP BY k HAVING count(*) > (SELECT count(*) FROM raw.plans AS p WHERE p.k = t.k);
--> k | 0:k 1:k | plans(k) t(k)
SELECT c.k FROM raw.c AS c JOIN raw.plans AS p ON p.k = c.k AND EXISTS (SELECT 1 FROM raw.t AS t WHERE t.k = c.k);
--> k | 0:k 1:k | c(k) plans(k) t()

-- clock: k
SELECT k, count(*) AS n FROM raw.t WHERE ts < as_of() GROUP BY k;
--> k | 0:k | t(k) | t(k): ts ~ as_of()
SELECT k, count(*) FILTER (ts >= as_of() - INTERVAL 30 DAY) AS n FROM raw.t GROUP BY k;
--> k | 0:k | t(k) | t(k): ts ~ as_of() - INTERVAL '30' DAY
SELECT k, sum(CASE WHEN ts + INTERVAL 30 DAY > as_of() THEN v END) AS s FROM raw.t GROUP BY k;
--> k | 0:k | t(k) | t(k): TRY(ts + INTERVAL '30' DAY) ~ as_of()
SELECT k, plan FROM raw.plans WHERE valid_from <= as_of() AND (valid_to > as_of() OR valid_to IS NULL);
--> k | 0:k | plans(k) | plans(k): valid_from ~ as_of(); plans(k): valid_to ~ as_of()
SELECT k, plan FROM raw.plans WHERE as_of() BETWEEN valid_from AND coalesce(valid_to, '9999-12-31');
--> k | 0:k | plans(k) | plans(k): valid_from ~ as_of(); plans(k): TRY(COALESCE(valid_to, '9999-12-31')) ~ as_of()
SELECT k, v FROM raw.t WHERE ts BETWEEN date_trunc('month', as_of()) - INTERVAL 3 MONTH AND as_of();
--> k | 0:k | t(k) | t(k): ts ~ as_of(); t(k): ts ~ DATE_TRUNC('MONTH', as_of()) - INTERVAL '3' MONTH
SELECT k, v FROM raw.t WHERE ts = as_of();
--> k | 0:k | t(k) | t(k): ts ~ as_of()
SELECT k, v FROM raw.t WHERE recent(ts, as_of());
--> k | 0:k | t(k) | t(k): ts ~ as_of() - INTERVAL '7' DAY
SELECT k, v FROM raw.t WHERE CAST(ts AS DATE) < CAST(as_of() AS DATE);
--> k | 0:k | t(k) | t(k): TRY(CAST(ts AS DATE)) ~ CAST(as_of() AS DATE)
SELECT k, v FROM raw.t WHERE ts < timezone('Europe/Berlin', timezone('UTC', as_of()));
--> k | 0:k | t(k) | t(k): ts ~ timezone('Europe/Berlin', timezone('UTC', as_of()))
SELECT k, v FROM raw.t WHERE ts < (as_of() AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin';
--> k | 0:k | t(k) | t(k): ts ~ (as_of() AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Berlin'
SELECT k, d FROM (SELECT k, CAST(ts AS DATE) AS d FROM raw.t) WHERE d < as_of();
--> k | 0:k | t(k) | t(k): TRY(CAST(ts AS DATE)) ~ as_of()
WITH r AS (SELECT k, ts FROM raw.t WHERE ts < as_of()) SELECT k, count(*) FILTER (ts >= as_of() - INTERVAL 7 DAY) AS n FROM r GROUP BY k;
--> k | 0:k | t(k) | t(k): ts ~ as_of(); t(k): ts ~ as_of() - INTERVAL '7' DAY
SELECT k, d, count(*) AS n FROM (SELECT k, date_trunc('day', ts) AS d FROM raw.t) GROUP BY k, d HAVING d < as_of();
--> k | 0:k | t(k) | t(k): TRY(DATE_TRUNC('DAY', ts)) ~ as_of()
SELECT c.k, t.ts FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k AND t.ts < as_of();
--> k | 0:k 1:k | c(k) t(k) | t(k): ts ~ as_of()
SELECT c.k, coalesce(t.ts, c.since) < as_of() AS b FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k) | volatile COALESCE(t.ts, c.since) < as_of()
SELECT c.k, coalesce(t.ts, '2025-01-01') < as_of() AS b FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k;
--> k | 0:k 1:k | c(k) t(k) | volatile COALESCE(t.ts, '2025-01-01') < as_of()
SELECT t.k, p.price FROM raw.t AS t JOIN raw.p AS p ON p.p = t.p AND p.day < as_of();
--> k | 0:k | p(p)>t(p->k) t(k) | p(p)>t(p->k): day ~ as_of()
SELECT c.k FROM raw.c AS c WHERE EXISTS (SELECT 1 FROM raw.t AS t WHERE t.k = c.k AND t.ts >= as_of() - INTERVAL 7 DAY AND c.since < as_of());
--> k | 0:k 1:k | c(k) t(k) | c(k): since ~ as_of(); t(k): ts ~ as_of() - INTERVAL '7' DAY
SELECT k, date_diff('day', max(ts), as_of()) AS recency FROM raw.t GROUP BY k;
--> k | 0:k | t(k) | volatile DATE_DIFF('DAY', MAX(t.ts), as_of())
SELECT k, as_of() AS scored FROM raw.t;
--> k | 0:k | t(k) | volatile as_of() AS scored
SELECT k, count(*) AS n FROM raw.t WHERE ts < as_of() GROUP BY k HAVING max(ts) < as_of() - INTERVAL 30 DAY;
--> k | 0:k | t(k) | t(k): ts ~ as_of() | volatile MAX(t.ts) < as_of() - INTERVAL '30' DAY
SELECT k, v FROM raw.t WHERE ts + (as_of() - ts) < as_of();
--> k | 0:k | t(k) | volatile t.ts + (as_of() - t.ts) < as_of(); as_of() - t.ts
SELECT k, v FROM raw.t WHERE '2025-01-01' < as_of();
--> k | 0:k | t(k) | volatile '2025-01-01' < as_of()
SELECT k, v FROM raw.t WHERE as_of() IN (ts);
--> k | 0:k | t(k) | volatile as_of() IN (t.ts)
SELECT k, v FROM (SELECT k, v, CAST(k AS TIMESTAMP) AS at FROM raw.text) WHERE at < as_of();
--> k | 0:k | text(k) | text(k): TRY(CAST(k AS TIMESTAMP)) ~ as_of()
SELECT k, v FROM raw.text WHERE k < as_of();
--> k | 0:k | text(k) | volatile text.k < as_of()
SELECT k, u FROM (SELECT k, unnest([ts]) AS u FROM raw.t) WHERE u < as_of();
--> k | 0:k | t(k) | volatile u < as_of()
SELECT k, m FROM (SELECT k, max(ts) AS m FROM raw.t GROUP BY k) WHERE m < as_of();
--> k | 0:k | t(k) | volatile m < as_of()
SELECT k, m FROM (SELECT k, max(ts) OVER (PARTITION BY k) AS m FROM raw.t) WHERE m < as_of();
--> k | 0:k | t(k) | volatile m < as_of()
SELECT k FROM (SELECT k, ts FROM raw.t EXCEPT SELECT k, since FROM raw.c) WHERE ts < as_of();
--> k | 0:k 1:k | c(k) t(k) | t(k): ts ~ as_of()
SELECT k FROM (SELECT k, ts FROM raw.t UNION ALL SELECT k, since FROM raw.c) WHERE ts < as_of();
--> k | 0:k 1:k | c(k) t(k) | t(k): ts ~ as_of(); c(k): since ~ as_of()
SELECT t.k, c.n FROM raw.t AS t FULL JOIN (SELECT k, count(*) AS n FROM raw.c WHERE since < as_of() GROUP BY k) AS c ON c.k = t.k;
--> FULL k comes from t, which the outer join may leave missing
SELECT t.k FROM raw.t AS t JOIN raw.c AS c ON c.k = t.k WHERE greatest(t.ts, c.since) < as_of();
--> k | 0:k 1:k | c(k) t(k) | volatile GREATEST(t.ts, c.since) < as_of()
SELECT k, v FROM raw.t WHERE ts < as_of() - to_days(CAST(v AS INTEGER));
--> k | 0:k | t(k) | volatile as_of() - TO_DAYS(CAST(t.v AS INT))
SELECT k, g.m FROM raw.t, generate_series(as_of() - INTERVAL 3 MONTH, as_of(), INTERVAL 1 MONTH) AS g(m);
--> k | 0:k | t(k) | volatile GENERATE_SERIES(as_of() - INTERVAL '3' MONTH, as_of(), INTERVAL '1' MONTH)
SELECT t.k, s.w FROM raw.t AS t CROSS JOIN (SELECT max(w) AS w FROM raw.seg WHERE valid_from < as_of()) AS s;
--> k | 0:k | seg() t(k) | volatile seg.valid_from < as_of()

-- functions: k
SELECT k, random() AS r FROM raw.t;
--> FULL random() gives another value every time
SELECT k, v FROM raw.t WHERE ts < now();
--> FULL now reads the computer's clock
SELECT k, v FROM raw.t WHERE ts < current_date;
--> FULL current_date reads the computer's clock
SELECT k, uuid() AS u FROM raw.t;
--> FULL uuid() gives another value every time
SELECT k, getvariable('x') AS x FROM raw.t;
--> FULL getvariable() gives another value every time
SELECT k, foo(v) AS x FROM raw.t;
--> FULL foo() is not known to give the same value every time
SELECT k, sum(f) OVER (PARTITION BY k ORDER BY ts) AS s FROM raw.t;
--> k | 0:k | t(k)
SELECT k, sum(f) AS s, any_value(p) AS p, list(v) AS l FROM raw.t GROUP BY k;
--> k | 0:k | t(k)
SELECT k FROM read_parquet('x.parquet');
--> FULL read_parquet() in FROM may give other rows each time
SELECT k, g.i FROM raw.t, range(3) AS g(i);
--> k | 0:k | t(k)
SELECT k, t.rowid AS r FROM raw.t AS t;
--> FULL its names cannot be resolved: Unknown column: rowid
SELECT k, ago(INTERVAL 1 DAY) AS a FROM raw.t;
--> FULL ago() is not known to give the same value every time
SELECT k, error(segment) AS e FROM raw.c;
--> k | 0:k | c(k)
SELECT k, e.value AS v FROM raw.c, json_each(segment) AS e;
--> FULL json_each() in FROM may give other rows each time
SELECT v COLLATE NOCASE AS v, k FROM (SELECT k, CAST(v AS VARCHAR) AS v FROM raw.t);
--> FULL COLLATE makes different texts equal
PIVOT (SELECT k, p, v FROM raw.t) ON p IN (1, 2) USING sum(v) GROUP BY k;
--> FULL PIVOT makes columns out of rows

-- a key of two columns: k, month
SELECT k, month, v FROM raw.months;
--> k,month | 0:k,month | months(k,month)
SELECT k, month, sum(v) AS s FROM raw.months GROUP BY k, month;
--> k,month | 0:k,month | months(k,month)
SELECT k, month, sum(v) OVER (PARTITION BY k ORDER BY month) AS s FROM raw.months;
--> k | 0:k | months(k)
SELECT c.k, m.month, m.v FROM raw.c AS c JOIN raw.months AS m ON m.k = c.k;
--> k | 0:k 1:k | c(k) months(k)
SELECT c.k, m.month, m.v FROM raw.c AS c LEFT JOIN raw.months AS m ON m.k = c.k;
--> k | 0:k 1:k | c(k) months(k)
SELECT k, month FROM (SELECT k, CAST(unnest(generate_series(since, since + INTERVAL 2 MONTH, INTERVAL 1 MONTH)) AS DATE) AS month FROM raw.c);
--> k | 0:k | c(k)
SELECT a.k, a.month, b.v FROM raw.months AS a LEFT JOIN raw.months AS b ON b.k = a.k AND b.month = a.month;
--> k,month | 0:k,month 1:k,month | months(k,month)
SELECT a.k, a.month, t.v FROM raw.months AS a LEFT JOIN raw.t AS t ON t.k = a.k;
--> k | 0:k 1:k | months(k) t(k)
SELECT month, k, rank() OVER (PARTITION BY month ORDER BY v) AS r FROM raw.months;
--> month | 0:month | months(month)
