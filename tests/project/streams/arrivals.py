"""What happens to the raw tables of lifetime value while they are in use: everything arrives in staging, in any order."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

EVENTS = ["website_visit", "email_open", "email_click", "support_ticket", "product_view", "cart_add"]
TABLES = {
    "raw.coldstart_customers": ("customer_id", "observed_at"),
    "raw.continuous_customers_profile": ("customer_id", "signup_date"),
    "raw.continuous_transactions": ("transaction_id", "transaction_date"),
    "raw.continuous_interactions": ("interaction_id", "event_date"),
}
"""What names a row and when it is known, by table of history; each has a staging table."""
WINDOWS = [30, 90, 180, 365]
NEW = 5_000_000_000
"""Ids of the customers and events that arrive here are above."""


class Arrivals:
    """The outside world, with a clock of its own; it writes by plain SQL, but for what comes in a file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seed: int, folder: Path) -> None:
        self.connection = connection
        self.random = random.Random(seed)
        self.folder = folder
        self.last = NEW
        self.files: list[tuple[str, Path]] = []
        """Files for ``foretable ingest``, by table, not loaded yet."""

    def happen(self, clock: datetime) -> str:
        """One thing happens; its name."""
        self.clock = clock
        name: str = self.random.choice([name for name in dir(self) if name.startswith("on_")])
        getattr(self, name)()
        return name.removeprefix("on_")

    def number(self) -> int:
        """An id nobody has had."""
        self.last += 1
        return self.last

    def some(self, query: str, *values: Any) -> Any:
        """One row of a query whose order is given, by chance; None where there is none."""
        rows = self.connection.execute(query, list(values)).fetchall()
        return self.random.choice(rows) if rows else None

    def customer(self) -> int:
        """An established customer, now and then one that nobody knows."""
        every = "SELECT customer_id FROM (FROM raw.continuous_customers_profile UNION FROM raw.continuous_customers_profile_staging)"
        return -1 if self.random.random() < 0.03 else int(self.some(f"{every} ORDER BY ALL")[0])

    def lately(self) -> datetime:
        """A moment within the last two hours, on the full hour now and then."""
        moment = self.clock - timedelta(seconds=self.random.randrange(7200))
        return moment.replace(minute=0, second=0) if self.random.random() < 0.2 else moment

    def long_ago(self) -> datetime:
        """Days to months ago, on the edge of a window now and then."""
        edge = self.clock.replace(minute=0, second=0, microsecond=0) - timedelta(days=self.random.choice(WINDOWS))
        return edge if self.random.random() < 0.3 else self.clock - timedelta(days=self.random.randrange(1, 200), minutes=7)

    def purchase(self, when: datetime, who: int | None = None, sign: int = 1) -> list[Any]:
        amount = sign * self.random.randrange(100, 30_000) / 100
        category = self.random.choice(["Books", "Toys", "Grocery", None])
        return [self.number(), self.customer() if who is None else who, when, amount, category, self.random.choice([1, 2, None])]

    def put(self, table: str, *rows: list[Any]) -> None:
        for row in rows:
            self.connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    def on_newcomers(self) -> None:
        """New customers are seen for the first time."""
        for _ in range(self.random.randrange(1, 4)):
            row = list(self.some("FROM raw.coldstart_customers ORDER BY customer_id LIMIT 100"))
            observed = self.lately()
            row[0], row[1], row[-1] = self.number(), observed.date() - timedelta(days=self.random.randrange(1, 31)), observed
            self.put("raw.coldstart_customers_staging", row)

    def on_seen_again(self) -> None:
        """More is known of a new customer: beside what was known, or in place of it."""
        row = self.some("FROM raw.coldstart_customers_staging ORDER BY ALL")
        if row is None:
            return
        if self.random.random() < 0.5:
            self.connection.execute("DELETE FROM raw.coldstart_customers_staging WHERE customer_id = ?", [row[0]])
        values = [each if each is None or not 12 <= place <= 16 else each + 1 for place, each in enumerate(row)]
        self.put("raw.coldstart_customers_staging", [*values[:-1], max(self.lately(), row[-1])])

    def on_outcome(self) -> None:
        """A new customer buys: the quality of a channel follows, with tomorrow's reference tables."""
        who = self.some("SELECT customer_id FROM raw.coldstart_customers ORDER BY ALL")[0]
        self.put("raw.coldstart_transactions", [self.number(), who, self.long_ago(), self.random.randrange(100, 9000) / 100])

    def on_signup(self) -> None:
        """A profile arrives, of somebody who is 90 days old now, about then, or new."""
        since = self.clock.date() - timedelta(days=self.random.choice([0, 1, 89, 90, 91, 400]))
        who = self.number()
        self.put("raw.continuous_customers_profile_staging", [who, since, self.random.choice(["25-34", None]), "North"])
        self.put("raw.continuous_transactions_staging", self.purchase(self.lately(), who))

    def on_moved_house(self) -> None:
        """A profile is put right."""
        row = list(self.some("FROM raw.continuous_customers_profile ORDER BY ALL"))
        self.put("raw.continuous_customers_profile_staging", [*row[:2], row[2], self.random.choice(["North", "West", None])])

    def on_purchases(self) -> None:
        self.put("raw.continuous_transactions_staging", *(self.purchase(self.lately()) for _ in range(self.random.randrange(1, 5))))

    def on_late_purchases(self) -> None:
        self.put("raw.continuous_transactions_staging", *(self.purchase(self.long_ago()) for _ in range(self.random.randrange(1, 4))))

    def on_return(self) -> None:
        self.put("raw.continuous_transactions_staging", self.purchase(self.lately(), sign=-1))

    def on_tomorrow(self) -> None:
        """A row whose time has not come."""
        self.put("raw.continuous_transactions_staging", self.purchase(self.clock + timedelta(minutes=self.random.randrange(1, 2000))))

    def on_interactions(self) -> None:
        for _ in range(self.random.randrange(1, 9)):
            when = self.lately() if self.random.random() < 0.7 else self.long_ago()
            row = [self.number(), self.customer(), when, self.random.choice(EVENTS)]
            self.put("raw.continuous_interactions_staging", row)

    def on_correction_in_staging(self) -> None:
        """The row itself is put right, or comes again with another amount."""
        row = self.some("FROM raw.continuous_transactions_staging ORDER BY ALL")
        if row is None:
            return
        if self.random.random() < 0.5:
            self.connection.execute("UPDATE raw.continuous_transactions_staging SET amount = amount + 1 WHERE transaction_id = ?", [row[0]])
        else:
            self.put("raw.continuous_transactions_staging", [*row[:3], float(row[3]) / 2, *row[4:]])

    def on_correction_of_history(self) -> None:
        row = self.some("FROM raw.continuous_transactions ORDER BY ALL")
        when = row[2] if self.random.random() < 0.5 else self.long_ago()
        self.put("raw.continuous_transactions_staging", [*row[:2], when, float(row[3]) + 10, *row[4:]])
        seen = self.some("FROM raw.continuous_interactions ORDER BY interaction_id LIMIT 500")
        self.put("raw.continuous_interactions_staging", [*seen[:3], self.random.choice(EVENTS)])

    def on_delivered_twice(self) -> None:
        for table in TABLES:
            row = self.some(f"FROM {table}_staging ORDER BY ALL")
            if row is not None:
                self.put(f"{table}_staging", list(row))

    def on_load(self) -> None:
        """The nightly load: what is in staging goes to history, in place of what has the same key there; all, or what is older."""
        self.connection.execute("BEGIN")
        edge = self.clock + timedelta(days=9) if self.random.random() < 0.5 else self.clock - timedelta(hours=5)
        for table, (key, time) in TABLES.items():
            old = f"FROM {table}_staging AS s WHERE {time} < ?"
            self.connection.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} {old})", [edge])
            last = f"PARTITION BY {key} ORDER BY {time} DESC, s::VARCHAR"
            self.connection.execute(f"INSERT INTO {table} SELECT * {old} QUALIFY row_number() OVER ({last}) = 1", [edge])
            self.connection.execute(f"DELETE {old}", [edge])
        self.connection.execute("COMMIT")

    def on_deleted(self) -> None:
        table = self.random.choice(list(TABLES))
        staged = self.random.random() < 0.7
        key = TABLES[table][0]
        row = self.some(f"SELECT {key} FROM {table}{'_staging' if staged else ''} ORDER BY ALL")
        if row is not None:
            self.connection.execute(f"DELETE FROM {table}{'_staging' if staged else ''} WHERE {key} = ?", [row[0]])

    def on_nothing(self) -> None:
        self.connection.execute("UPDATE raw.continuous_transactions_staging SET amount = amount")

    def on_rebuild(self) -> None:
        table = self.random.choice(list(TABLES))
        self.connection.execute(f"CREATE OR REPLACE TABLE {table}_staging AS FROM {table}_staging ORDER BY random()")

    def on_file(self) -> None:
        """Purchases come in a file."""
        path = self.folder / f"{self.number()}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["transaction_id", "customer_id", "transaction_date", "amount", "product_category", "quantity"])
            writer.writerows(self.purchase(self.lately()) for _ in range(3))
        self.files.append(("raw.continuous_transactions_staging", path))
