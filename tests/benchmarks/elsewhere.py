"""Rivals in environments of their own: ``FORETABLE_RIVALS`` names a folder with ``<name>/bin/python``."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).resolve().parent
NAMES = ("orbital", "xorq")
TRIED = 20_000
"""Rows on which the fastest form of a query is found."""


def interpreter(name: str) -> Path | None:
    """The Python that has a rival, where there is one."""
    folder = os.environ.get("FORETABLE_RIVALS")
    path = Path(folder) / name / "bin" / "python" if folder else None
    return path if path is not None and path.exists() else None


def absent() -> list[str]:
    """Rivals without an environment."""
    return [name for name in NAMES if interpreter(name) is None]


@dataclass(frozen=True)
class Orbital:
    """Its queries over the table ``rows``, by model."""

    version: str
    queries: Mapping[str, Sequence[str]]

    @classmethod
    def there(cls, folder: Path, models: Mapping[str, Any]) -> Orbital | None:
        """What orbital writes for the models; None where it is absent."""
        python = interpreter("orbital")
        if python is None:
            return None
        (folder / "models.json").write_text(json.dumps(models))
        done = subprocess.run([python, HERE / "rival_orbital.py", folder], stdout=subprocess.PIPE, check=True, text=True)
        return cls(**json.loads(done.stdout.splitlines()[-1]))

    def fastest(self, connection: duckdb.DuckDBPyConnection, model: str) -> str:
        """The sum of the probabilities of class 1, by the form of the query that is fastest on some rows and equal to ours on them."""
        spent = {}
        connection.execute(f"CREATE OR REPLACE TEMP TABLE tried AS FROM rows LIMIT {TRIED}")
        for query in dict.fromkeys(self.queries[model]):
            fewer = query.replace('"rows"', '"tried"')
            apart = f"""SELECT max(abs(p - o)) FROM (SELECT predict_{model}(r) AS p FROM tried AS r)
                POSITIONAL JOIN (SELECT "output_probability.1" AS o FROM ({fewer}))"""
            if (most := connection.execute(apart).fetchall()[0][0]) > 1e-5:
                raise AssertionError(f"orbital's {model} is off by {most}")
            begun = time.perf_counter()
            connection.execute(_sum(fewer)).fetchall()
            spent[_sum(query)] = time.perf_counter() - begun
        return min(spent, key=spent.__getitem__)


def _sum(query: str) -> str:
    return f'SELECT sum("output_probability.1") FROM ({query})'


class Xorq:
    """A process that scores the rows with XGBoost in xorq's engine each time it is asked."""

    def __init__(self, process: subprocess.Popen[str], notes: Mapping[str, str]) -> None:
        self.process, self.notes = process, notes

    @classmethod
    def there(cls, folder: Path, connection: duckdb.DuckDBPyConnection, booster: bytes, threads: int) -> Xorq | None:
        """Start it with the rows and the model; None where it is absent."""
        python = interpreter("xorq")
        if python is None:
            return None
        connection.execute(f"COPY rows TO '{folder / 'rows.parquet'}'")
        (folder / "model.ubj").write_bytes(booster)
        command = [python, HERE / "rival_xorq.py", folder, str(threads)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        hello = _answer(process)
        of = f"xorq {hello['version']}"
        return cls(process, {"documented": f"{of}, as in its examples", "tuned": f"{of}, {hello['tuned']}"})

    def measure(self, way: str) -> dict[str, float]:
        """One measurement of a way, by its own clock."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{way}\n")
        self.process.stdin.flush()
        return _answer(self.process)

    def end(self) -> None:
        """Let it go."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def _answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the rival ended with {process.wait()}")
    return json.loads(line)
