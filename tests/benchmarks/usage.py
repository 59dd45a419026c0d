"""The world that refreshes are measured in: customers, transactions and interactions of a year, 27 windowed features, a model of 200 trees.

At scale 1 there are 50 thousand customers, 500 thousand transactions and 5 million interactions, in
order of time but for 2% that arrived up to 20 days late; some customers are far busier than others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
from boosted import boosted, trained

from foretable.compile import Graph, compile_project
from foretable.declare.load import load_project
from foretable.quality import ingest
from foretable.registry import add_version, promote
from foretable.registry.signature import Feature, Signature
from foretable.train.estimators.trees import TreeFit
from foretable.train.result import Parity, Trained
from foretable.train.training_set import TrainingSet
from foretable.udf import connect
from foretable.warehouse import ensure_catalog

CUSTOMERS, TRANSACTIONS, INTERACTIONS, TREES, DEPTH, THREADS = 50_000, 500_000, 5_000_000, 200, 6, 2
START = datetime(2026, 10, 20, 0, 30)
"""The clock at first; events reach to the end of October, so that it can move on."""
WINDOWS = (7, 30, 90)
EVENTS = {
    "transactions": {
        "bought": "count(*)",
        "spent": "sum(amount)",
        "largest": "max(amount)",
        "categories": "count(DISTINCT category)",
        "dear": "count_if(amount >= 250)",
    },
    "interactions": {
        "events": "count(*)",
        "dwelt": "sum(dwell_s)",
        "clicks": "count_if(kind = 'click')",
        "longest": "max(dwell_s)",
    },
}
FEATURES = [f"{name}_{days}d" for measures in EVENTS.values() for name in measures for days in WINDOWS]
LATEST = {
    "transactions": "max(ts) AS last_bought_at, arg_max(amount, (ts, txn_id)) AS last_amount",
    "interactions": "max(ts) AS last_seen_at",
}

SCHEMAS = {
    "customers": "customer_id BIGINT, segment VARCHAR, age INTEGER",
    "transactions": "txn_id BIGINT, customer_id BIGINT, ts TIMESTAMP, amount DECIMAL(12, 2), category UTINYINT, product_id INTEGER",
    "interactions": "event_id BIGINT, customer_id BIGINT, ts TIMESTAMP, kind VARCHAR, dwell_s INTEGER, score DOUBLE",
}
DECLARATIONS = """import foretable as ft
from foretable import _

customer = ft.Entity("customer", key="customer_id")
customers = ft.Source("LAYER.customers", entity=customer, fixed=["segment", "age"]FEED)
transactions = ft.Source("LAYER.transactions", entity=customer, time="ts"FEED)
interactions = ft.Source("LAYER.interactions", entity=customer, time="ts"FEED)


@ft.label("training.active", entity=customer, horizon="30 days", every="1 month", start="2026-02-01")
def active():
    back = interactions.future(days=30).group_by("customer_id").agg(n=_.count())
    return customer.join(customers.rows(), back).select("customer_id", active=_.n.notnull().cast("int8"))


active_model = ft.Model(
    "active",
    label=active,
    features=[ft.ref("features.usage")],
    exclude=["segment", "age", "last_bought_at", "last_amount", "last_seen_at"],
    candidates=[ft.XGBoost()],
)
ft.scoring_table("predictions.active", model=active_model, over=ft.ref("features.usage"), keep=["segment"], grain="hour")
"""


@dataclass
class World:
    """A project with a filled warehouse.

    Parameters
    ----------
    root
        Folder of the project.
    scale
        How many times 50 thousand customers.
    feed
        How changes of the sources are learnt: ``fingerprint`` or ``ingest``.
    attached
        Whether the sources stand in a file of their own, ``shop.duckdb``.
    """

    root: Path
    scale: int
    feed: str = "fingerprint"
    attached: bool = False

    @property
    def layer(self) -> str:
        """Where the sources are."""
        return "shop.raw" if self.attached else "raw"

    def make(self, filled: Path) -> TreeFit:
        """Write the project, copy a file with the sources, and give the model a version; gives what the version was made from."""
        given = ', feed="ingest"' if self.feed == "ingest" else ""
        files = {
            "pipelines/usage.py": DECLARATIONS.replace("LAYER", self.layer).replace("FEED", given),
            "sql/usage.sql": "CREATE DYNAMIC TABLE features.usage ENTITY = customer TARGET_LAG = '1 hour' GRAIN = 'hour' AS\n"
            + features(self.layer, "as_of()")
            + ";\n",
        }
        for name, columns in SCHEMAS.items():
            files[f"sql/sources/{self.layer}.{name}.sql"] = f"CREATE TABLE {self.layer}.{name} ({columns});\n"
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.pin(START)
        (self.root / ("shop.duckdb" if self.attached else "warehouse.duckdb")).write_bytes(filled.read_bytes())
        with self.connect() as connection:
            return register_model(connection, self.layer)

    def pin(self, clock: datetime) -> None:
        """Set the project's clock."""
        attach = 'attach = { shop = "shop.duckdb" }\n' if self.attached else ""
        (self.root / "pyproject.toml").write_text(f'[tool.foretable]\nas_of = "{clock.isoformat()}"\npublish = []\n{attach}')

    def connect(self) -> duckdb.DuckDBPyConnection:
        """The warehouse as a session opens it."""
        attach = {"shop": self.root / "shop.duckdb"} if self.attached else {}
        connection = connect(self.root / "warehouse.duckdb", attach=attach)
        connection.execute(f"SET threads = {THREADS}")
        return connection

    def graph(self) -> Graph:
        """The compiled project."""
        return compile_project(load_project(self.root))

    def touch(self, connection: duckdb.DuckDBPyConnection, share: float, clock: datetime) -> list[int]:
        """One new interaction, two hours old, for a share of the customers; gives their ids."""
        count = round(CUSTOMERS * self.scale * share)
        picked = [key for (key,) in connection.execute(PICK.replace("LAYER", self.layer), [count]).fetchall()]
        if not picked:
            return []
        events = f"""SELECT (SELECT max(event_id) FROM raw.interactions) + row_number() OVER () AS event_id, key AS customer_id,
            TIMESTAMP '{clock}' - INTERVAL 2 HOUR - to_seconds((key % 3600)::INTEGER) AS ts,
            'click' AS kind, 30 AS dwell_s, 0.5::DOUBLE AS score
            FROM (SELECT unnest($keys::BIGINT[]) AS key)"""
        if self.attached:
            self._write_attached(connection, f"INSERT INTO raw.interactions {events}", picked)
        elif self.feed == "ingest":
            batch = self.root / "batch.parquet"
            connection.execute(f"COPY ({events}) TO '{batch}'", {"keys": picked})
            ingest(connection, "raw.interactions", [batch], None)
        else:
            connection.execute(f"INSERT INTO raw.interactions {events}", {"keys": picked})
        return picked

    def _write_attached(self, connection: duckdb.DuckDBPyConnection, statement: str, keys: list[int]) -> None:
        """As another program does it between two waves."""
        file = self.root / "shop.duckdb"
        connection.execute("DETACH shop")
        with duckdb.connect(file) as writer:
            writer.execute(statement, {"keys": keys})
        connection.execute(f"ATTACH '{file}' AS shop (READ_ONLY)")


PICK = "SELECT customer_id FROM LAYER.customers ORDER BY hash(customer_id + (random() * 1e9)::BIGINT) LIMIT ?"


def fill(path: Path, scale: int) -> None:
    """Make a DuckDB file with the sources."""
    customers, transactions, interactions = CUSTOMERS * scale, TRANSACTIONS * scale, INTERACTIONS * scale

    def draw(number: int) -> str:  # between 0 and 1; hash(i, number) would not be independent of hash(i, another)
        return f"(hash(i * 16 + {number}) / 18446744073709551616.0)"

    def events(number: int) -> str:
        late = f"CASE WHEN {draw(2)} < 0.02 THEN ({draw(3)} * 20 * 86400e6)::BIGINT ELSE 0 END"
        return f"""SELECT i, least({customers} - 1, floor({customers} * power({draw(1)}, 1.5)))::BIGINT AS customer_id,
            TIMESTAMP '2025-11-01' + to_microseconds((365 * 86400e6 * (i / {number}))::BIGINT - {late}) AS ts
            FROM range({number}) AS t(i)"""

    with duckdb.connect(path) as connection:
        connection.execute(f"SET threads = {THREADS}")
        connection.execute("CREATE SCHEMA raw")
        connection.execute(
            f"""CREATE TABLE raw.customers AS SELECT i::BIGINT AS customer_id, (['a', 'b', 'c', 'd'])[1 + i % 4] AS segment,
            (18 + {draw(4)} * 70)::INTEGER AS age FROM range({customers}) AS t(i)"""
        )
        connection.execute(
            f"""CREATE TABLE raw.transactions AS SELECT i::BIGINT AS txn_id, customer_id, ts, ({draw(5)} * 500)::DECIMAL(12, 2) AS amount,
            ({draw(6)} * 20)::UTINYINT AS category, ({draw(7)} * 2000)::INTEGER AS product_id FROM ({events(transactions)})"""
        )
        connection.execute(
            f"""CREATE TABLE raw.interactions AS SELECT i::BIGINT AS event_id, customer_id, ts,
            (['view', 'click', 'cart'])[1 + ({draw(8)} * 2)::INTEGER] AS kind, ({draw(9)} * 600)::INTEGER AS dwell_s,
            {draw(10)}::DOUBLE AS score
            FROM ({events(interactions)})"""
        )


def moment(clock: datetime) -> str:
    """``as_of()`` filled in as the engine does it for the grain of an hour."""
    return f"TIMESTAMP '{clock:%Y-%m-%d %H:00:00}'"


def features(layer: str, as_of: str, changed: str = "") -> str:
    """The query of ``features.usage``; ``changed`` names a table of the customers to compute, for those who are told them."""
    only = f" AND customer_id IN (SELECT customer_id FROM {changed})" if changed else ""

    def windowed(table: str) -> str:
        measures = [
            f"{call} FILTER (ts >= {as_of} - INTERVAL {days} DAY) AS {name}_{days}d"
            for name, call in EVENTS[table].items()
            for days in WINDOWS
        ]
        return f"""SELECT customer_id, {", ".join(measures)}, {LATEST[table]}
    FROM {layer}.{table}
    WHERE ts < {as_of} AND ts >= {as_of} - INTERVAL {max(WINDOWS)} DAY{only}
    GROUP BY customer_id"""

    known = ", ".join(f"coalesce({name}, 0) AS {name}" for name in FEATURES)
    return f"""WITH bought AS (
    {windowed("transactions")}
), seen AS (
    {windowed("interactions")}
)
SELECT c.customer_id, c.segment, c.age, {known}, last_bought_at, last_amount, last_seen_at
FROM {layer}.customers AS c
LEFT JOIN bought ON bought.customer_id = c.customer_id
LEFT JOIN seen ON seen.customer_id = c.customer_id
WHERE TRUE{only.replace("customer_id", "c.customer_id", 1)}"""


def scores(source: str) -> str:
    """The query of ``predictions.active``, less what the engine adds."""
    return f"SELECT customer_id, segment, predict_active(f) AS active_probability FROM {source} AS f"


def register_model(connection: duckdb.DuckDBPyConnection, layer: str) -> TreeFit:
    """Give the model a version that has learned from some customers, without search and gates."""
    ensure_catalog(connection)
    declared = tuple(Feature(name, "number") for name in FEATURES)
    query = features(layer, moment(START))
    sample = connection.execute(f"SELECT * FROM ({query}) ORDER BY hash(customer_id) LIMIT 20000").fetchnumpy()
    matrix = np.column_stack([np.asarray(sample[name], dtype=np.float64) for name in FEATURES])
    noise = np.random.default_rng(0).normal(size=matrix.shape)
    scaled = (matrix / (matrix.std(axis=0) + 1e-9) + noise)[:, ::4].sum(axis=1)
    outcome = (scaled > np.median(scaled)).astype(np.float64)
    fitted = boosted(matrix, outcome, declared, n_estimators=TREES, max_depth=DEPTH)
    signature = Signature("active", "classification", declared, "active")
    version = Trained(signature=signature, **trained(fitted, len(declared)))
    training = TrainingSet("sample", "active", ("customer_id",), None, "active", tuple(FEATURES), "", len(matrix), 0, None, None)
    add_version(connection, version, training, declaration="", code="", parity=Parity(0, 0, 0.0, 0.0), seed=0)
    promote(connection, "active", 1, reason="benchmark")
    connection.execute("CREATE SCHEMA IF NOT EXISTS rebuilt")
    return fitted
