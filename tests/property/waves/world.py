"""A small world that everything happens to: customers, orders, products, plans; and tables made from them in every shape."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

START = datetime(2026, 1, 1)

SETTINGS = """
[tool.foretable]
as_of = "2026-02-10"
"""

SOURCES = """
import foretable as ft
customer = ft.Entity("customer", key="customer_id")
visit = ft.Entity("visit", key=("customer_id", "store_id"))
month = ft.Entity("customer_month", key=("customer_id", "month"))
ft.Source("raw.customers", entity=customer, time="signed_up_at", fixed=["segment"])
ft.Source("raw.orders", entity=customer, time="ts", sparse=True)
ft.Source("raw.visits", time="ts", sparse=True)
ft.Source("raw.plans", entity=customer, valid=("valid_from", "valid_to"))
ft.Source("raw.products")
ft.Source("raw.brands")
ft.Source("raw.cuts")
"""

SCHEMAS = {
    "raw.customers": "customer_id VARCHAR, segment VARCHAR, signed_up_at TIMESTAMP",
    "raw.orders": "order_id BIGINT, customer_id VARCHAR, ts TIMESTAMP, amount DECIMAL(12,2), weight DOUBLE, product_id INTEGER,"
    " tags VARCHAR[]",
    "raw.visits": "customer_id VARCHAR, store_id INTEGER, ts TIMESTAMP",
    "raw.plans": "customer_id VARCHAR, plan VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP",
    "raw.products": "product_id INTEGER, brand_id INTEGER, price DECIMAL(8,2)",
    "raw.brands": "brand_id INTEGER, label VARCHAR",
    "raw.cuts": "cut DECIMAL(12,2)",
}

TABLES = {
    "features.windows": """ENTITY = customer GRAIN = 'hour' AS
        SELECT c.customer_id, c.segment, count(o.order_id) AS n,
            count(o.order_id) FILTER (WHERE o.ts >= as_of() - INTERVAL 7 DAY) AS n_7d,
            coalesce(sum(o.amount) FILTER (WHERE o.ts >= as_of() - INTERVAL 1 MONTH), 0) AS spend_1m,
            count(DISTINCT o.product_id) FILTER (WHERE o.ts >= as_of() - INTERVAL 30 DAY) AS products_30d,
            max(o.ts) AS last_at, arg_max(o.amount, (o.ts, o.order_id)) AS last_amount, median(o.amount) AS middle
        FROM raw.customers AS c LEFT JOIN raw.orders AS o ON o.customer_id = c.customer_id AND o.ts < as_of()
        WHERE c.customer_id IS NOT NULL AND c.signed_up_at < as_of()
        GROUP BY c.customer_id, c.segment""",
    "features.brands": """ENTITY = customer GRAIN = 'hour' AS
        SELECT o.customer_id, count(*) AS n, sum(p.price) AS price, max(b.label) AS label, list(DISTINCT b.label ORDER BY b.label) AS labels
        FROM raw.orders AS o LEFT JOIN raw.products AS p ON p.product_id = o.product_id LEFT JOIN raw.brands AS b ON b.brand_id = p.brand_id
        WHERE o.ts < as_of() AND o.ts >= as_of() - INTERVAL 20 DAY AND o.customer_id IS NOT NULL
        GROUP BY o.customer_id""",
    "features.latest": """ENTITY = customer AS
        SELECT customer_id, amount, tags, weight FROM raw.orders WHERE ts < as_of() AND customer_id IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY ts DESC, order_id DESC) = 1""",
    "features.plan": """ENTITY = customer AS
        SELECT customer_id, max(plan) AS plan FROM raw.plans
        WHERE valid_from <= as_of() AND (valid_to > as_of() OR valid_to IS NULL) AND customer_id IS NOT NULL
        GROUP BY customer_id""",
    "features.weights": """ENTITY = customer AS
        SELECT customer_id, sum(weight) AS total, avg(weight) AS mean, stddev(weight) AS spread FROM raw.orders
        WHERE ts < as_of() AND customer_id IS NOT NULL GROUP BY customer_id""",
    "features.visits": """ENTITY = visit GRAIN = 'hour' AS
        SELECT customer_id, store_id, count(*) AS n, max(ts) AS last_at FROM raw.visits
        WHERE ts < as_of() AND ts >= as_of() - INTERVAL 10 DAY AND customer_id IS NOT NULL AND store_id IS NOT NULL
        GROUP BY customer_id, store_id""",
    "features.months": """ENTITY = customer_month AS
        SELECT c.customer_id, m.month, count(o.order_id) AS n
        FROM (SELECT DISTINCT customer_id FROM raw.customers WHERE customer_id IS NOT NULL) AS c
        CROSS JOIN (SELECT unnest(range(1, 4)) AS month) AS m
        LEFT JOIN raw.orders AS o ON o.customer_id = c.customer_id AND month(o.ts) = m.month
        GROUP BY c.customer_id, m.month""",
    "features.recency": """ENTITY = customer AS
        SELECT customer_id, date_diff('day', max(ts), as_of()) AS days FROM raw.orders
        WHERE ts < as_of() AND customer_id IS NOT NULL GROUP BY customer_id""",
    "features.share": """ENTITY = customer AS
        SELECT customer_id, sum(amount) / (SELECT sum(amount) FROM raw.orders) AS share FROM raw.orders
        WHERE customer_id IS NOT NULL GROUP BY customer_id""",
    "features.active": """ENTITY = customer GRAIN = 'hour' AS
        SELECT customer_id FROM (
            SELECT customer_id, ts FROM raw.orders UNION ALL SELECT customer_id, ts FROM raw.visits
        ) AS seen WHERE ts >= as_of() - INTERVAL 5 DAY AND ts < as_of() AND customer_id IS NOT NULL GROUP BY customer_id""",
    "features.rich": """ENTITY = customer AS
        SELECT s.customer_id, s.spend, s.spend > c.cut AS is_rich
        FROM (SELECT customer_id, sum(amount) AS spend FROM raw.orders WHERE customer_id IS NOT NULL GROUP BY customer_id) AS s
        CROSS JOIN (SELECT max(cut) AS cut FROM raw.cuts) AS c""",
    "clean.orders": """AS
        SELECT order_id, customer_id, ts, amount, product_id FROM raw.orders WHERE customer_id IS NOT NULL AND amount IS NOT NULL""",
    "features.clean": """ENTITY = customer AS
        SELECT customer_id, count(*) AS n, sum(amount) AS spend FROM clean.orders GROUP BY customer_id""",
    "features.all": """ENTITY = customer AS
        SELECT w.customer_id, w.segment, w.n_7d, w.spend_1m, p.plan, r.days, v.stores
        FROM features.windows AS w LEFT JOIN features.plan AS p ON p.customer_id = w.customer_id
        LEFT JOIN features.recency AS r ON r.customer_id = w.customer_id
        LEFT JOIN (SELECT customer_id, count(*) AS stores FROM features.visits GROUP BY customer_id) AS v
            ON v.customer_id = w.customer_id""",
    "predictions.score": """ENTITY = customer AS
        SELECT customer_id, coalesce(n_7d, 0) * 2 + coalesce(spend_1m, 0) AS score, plan FROM features.all""",
    "decisions.top": """AS
        SELECT customer_id, score, row_number() OVER (ORDER BY score DESC, customer_id) AS place FROM predictions.score
        ORDER BY place LIMIT 5""",
}


def declare(root: Path, tables: dict[str, str] = TABLES) -> None:
    """Write the project's files."""
    (root / "pipelines").mkdir(parents=True)
    (root / "sql" / "sources").mkdir(parents=True)
    (root / "pyproject.toml").write_text(SETTINGS)
    (root / "pipelines" / "world.py").write_text(SOURCES)
    for name, columns in SCHEMAS.items():
        (root / "sql" / "sources" / f"{name}.sql").write_text(f"CREATE TABLE {name} ({columns});")
    (root / "sql" / "tables.sql").write_text("".join(f"CREATE DYNAMIC TABLE {name} {rest};\n" for name, rest in tables.items()))


class World:
    """The outside world: it changes its tables in every way there is."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seed: int) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.numbers = 0
        connection.execute("CREATE SCHEMA raw")
        for name, columns in SCHEMAS.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute(
            "INSERT INTO raw.customers SELECT 'c' || i, 's' || (i % 3),"
            " TIMESTAMP '2025-12-01' + to_days((i * 4)::INTEGER) FROM range(20) AS r(i)"
        )
        connection.execute("INSERT INTO raw.products SELECT i, i % 3, i * 1.5 FROM range(6) AS r(i)")
        connection.execute("INSERT INTO raw.brands SELECT i, 'b' || i FROM range(3) AS r(i)")
        connection.execute("INSERT INTO raw.cuts VALUES (100)")
        self.insert_orders(60)
        self.insert_visits(20)
        self.insert_plans(12)

    def moment(self) -> datetime:
        return START + timedelta(hours=self.random.randrange(24 * 60))

    def customer(self) -> str | None:
        return None if self.random.random() < 0.05 else f"c{self.random.randrange(25)}"

    def insert_orders(self, count: int) -> None:
        for _ in range(count):
            self.numbers += 1
            r = self.random
            row = [
                self.numbers,
                self.customer(),
                self.moment(),
                r.choice([None, r.randrange(10000) / 100]),
                r.choice([0.1, 0.2, 1e17, -1e17, -0.0, 0.0, None]),
            ]
            self.connection.execute(
                "INSERT INTO raw.orders VALUES (?, ?, ?, ?, ?, ?, ?)", [*row, r.randrange(8), r.choice([None, [], [None], ["a"]])]
            )

    def insert_visits(self, count: int) -> None:
        for _ in range(count):
            row = [self.customer(), self.random.choice([None, 1, 2, 3]), self.moment()]
            self.connection.execute("INSERT INTO raw.visits VALUES (?, ?, ?)", row)

    def insert_plans(self, count: int) -> None:
        for _ in range(count):
            start = self.moment()
            end = self.random.choice([None, start + timedelta(days=self.random.randrange(1, 40))])
            self.connection.execute("INSERT INTO raw.plans VALUES (?, ?, ?, ?)", [self.customer(), self.random.choice("xyz"), start, end])

    def happen(self) -> str:
        """One thing happens; its name."""
        name = self.random.choice([name for name in dir(self) if name.startswith("on_")])
        getattr(self, name)()
        return name

    def on_orders(self) -> None:
        self.insert_orders(self.random.randrange(1, 4))

    def on_visits(self) -> None:
        self.insert_visits(self.random.randrange(1, 3))

    def on_plans(self) -> None:
        self.insert_plans(1)

    def on_plan_end(self) -> None:
        self.connection.execute(
            "UPDATE raw.plans SET valid_to = ? WHERE valid_to IS NULL AND hash(customer_id) % 3 = ?",
            [self.moment(), self.random.randrange(3)],
        )

    def on_delete(self) -> None:
        self.connection.execute("DELETE FROM raw.orders WHERE order_id % 13 = ?", [self.random.randrange(13)])

    def on_update(self) -> None:
        self.connection.execute(
            "UPDATE raw.orders SET amount = amount + 1, ts = ts + INTERVAL 1 DAY WHERE order_id % 17 = ?", [self.random.randrange(17)]
        )

    def on_bits(self) -> None:
        self.connection.execute("UPDATE raw.orders SET weight = -weight WHERE weight = 0 AND order_id % 3 = ?", [self.random.randrange(3)])
        self.connection.execute(
            "UPDATE raw.orders SET tags = CASE WHEN tags = [] THEN [NULL] ELSE [] END WHERE order_id % 7 = ?", [self.random.randrange(7)]
        )

    def on_new_key(self) -> None:
        self.connection.execute(
            "UPDATE raw.orders SET customer_id = ? WHERE order_id % 19 = ?", [self.customer(), self.random.randrange(19)]
        )

    def on_customer(self) -> None:
        self.connection.execute("UPDATE raw.customers SET segment = 'z' WHERE customer_id = ?", [self.customer()])
        known = f"c{self.random.randrange(100, 10**6)}"
        self.connection.execute("INSERT INTO raw.customers VALUES (?, 'n', ?)", [known, self.moment()])

    def on_customer_gone(self) -> None:
        self.connection.execute("DELETE FROM raw.customers WHERE customer_id = ?", [self.customer()])

    def on_product(self) -> None:
        self.connection.execute(
            "UPDATE raw.products SET price = price + 1, brand_id = ? WHERE product_id = ?",
            [self.random.randrange(4), self.random.randrange(8)],
        )

    def on_brand(self) -> None:
        self.connection.execute(
            "UPDATE raw.brands SET label = ? WHERE brand_id = ?", [self.random.choice("pqrs"), self.random.randrange(3)]
        )

    def on_cut(self) -> None:
        self.connection.execute("UPDATE raw.cuts SET cut = ?", [self.random.choice([50, 100, 150])])

    def on_nothing(self) -> None:
        self.connection.execute("UPDATE raw.orders SET amount = amount")

    def on_rollback(self) -> None:
        self.connection.execute("BEGIN")
        self.insert_orders(2)
        self.connection.execute("ROLLBACK")

    def on_rebuild(self) -> None:
        self.connection.execute("CREATE OR REPLACE TABLE raw.orders AS SELECT * FROM raw.orders ORDER BY random()")

    def on_truncate(self) -> None:
        if self.random.random() < 0.1:
            self.connection.execute("TRUNCATE raw.visits")

    def on_duplicate(self) -> None:
        self.connection.execute("INSERT INTO raw.visits FROM raw.visits LIMIT 1")

    def on_replace(self) -> None:
        if self.random.random() < 0.3:
            self.connection.execute(
                "CREATE OR REPLACE TABLE raw.products AS SELECT * FROM raw.products WHERE product_id <> ?", [self.random.randrange(8)]
            )
