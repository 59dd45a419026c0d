"""The query of the rows that a schema lets in."""

from __future__ import annotations

import os
import subprocess
import sys

ALLOWED = """
import pandera.ibis as pa
from sqlglot import parse_one
from foretable.compile.good_rows import good_rows
checks = [pa.Check.isin(["trial", "gold", "basic", "plus", "silver"]), pa.Check.notin({"none", "gone", "left", "test"})]
print(good_rows(parse_one("SELECT 1"), {"plan": "VARCHAR"}, pa.DataFrameSchema({"plan": pa.Column(str, checks)})).sql("duckdb"))
"""


def test_the_text_is_the_same_in_every_process() -> None:
    """A set of values has another order under another seed of hashes."""
    texts = [
        subprocess.run(
            [sys.executable, "-c", ALLOWED], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert "IN ('basic', 'gold', 'plus', 'silver', 'trial')" in texts[0]
    assert "IN ('gone', 'left', 'none', 'test')" in texts[0]
