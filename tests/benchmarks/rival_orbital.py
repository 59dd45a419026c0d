"""In orbital's environment: its SQL of the models in a folder, in each way that it offers. Prints JSON."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import orbital
from orbital import types
from transplant import forest, logistic


def main(folder: Path) -> None:
    given = json.loads((folder / "models.json").read_text())
    columns = {name: types.DoubleColumnType() for name in given["names"]}
    models = {name: logistic(**given[name]) for name in ("linear", "scaled")} | {"trees": forest(**given["trees"], width=len(columns))}
    # Only the probability of class 1 is asked for, which the query around takes: what is not read is not computed.
    found = {}
    for name, model in models.items():
        parsed = orbital.parse_pipeline(model, features=columns)
        found[name] = [orbital.export_sql("rows", parsed, dialect="duckdb", separate_trees=apart) for apart in (False, name == "trees")]
    print(json.dumps({"version": version("orbital"), "queries": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
