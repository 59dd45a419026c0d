"""The command that makes data: simulate."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foretable.cli import console, files, worlds_clv
from foretable.cli.app import app
from foretable.errors import UsageError, nearest
from foretable.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

WORLDS = ("telco", "clv", "sample")
PEOPLE = ("coldstart_customers", "continuous_customers_profile", "coldstart_customers_staging", "continuous_customers_profile_staging")
ENDINGS = (".csv", ".parquet", ".duckdb")


@app.command()
def simulate(
    world: Annotated[
        str, typer.Argument(metavar="WORLD", help="telco, clv, or sample: the sample warehouse.", autocompletion=lambda: list(WORLDS))
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="A .csv, .parquet or .duckdb file; of clv a folder or .duckdb.", show_default="WORLD.csv, clv"
        ),
    ] = None,
    customers: Annotated[int | None, typer.Option(help="How many.", min=1, show_default="7043, clv 50000, the sample 2500")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same data.", min=0, show_default="0, the sample 2026")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the true hazards or values too, to be kept aside.", show_default=False),
    ] = None,
) -> None:
    """Make customers of a known shape, at any scale.

    \b
    telco   telephone customers who stay or leave: one table
    clv     customers who come and buy, --customers of each scenario (continuous and cold start):
            raw tables and what has just arrived for them (staging)
    sample  the warehouse that a new project starts with

    \b
    Examples:
      foretable simulate telco --to telco.csv
      foretable simulate telco --customers 100000 --seed 7 --to big.parquet --truth hazards.parquet
      foretable simulate clv --customers 5000 --to clv.duckdb
      foretable simulate clv --seed 7 --to world/ --truth values.parquet
      foretable simulate sample --to warehouse.duckdb.sample
    """
    from foretable import simulate as worlds

    if world not in WORLDS:
        raise UsageError(f"no world is called {world!r}", hint=nearest(world, WORLDS))
    if world == "clv":
        _simulate_clv(_new(to or Path("clv")), customers or 50_000, seed or 0, truth)
        return
    if world == "sample":
        if truth is not None:
            raise UsageError("--truth goes with telco and clv", hint="foretable simulate telco --truth hazards.parquet")
        given = {name: value for name, value in (("customers", customers), ("seed", seed)) if value is not None}
        console.say(str(worlds.build_sample(_new(to or Path("warehouse.duckdb.sample")), **given)))
        return
    target = _writable(to or Path(f"{world}.csv"))
    truth = truth and _writable(truth)
    made = worlds.simulate_telco(customers or 7043, seed or 0)
    _write(made, target, f"raw.{world}")
    console.say(f"{target}: {console.count(made.num_rows, 'customer')}")
    if truth is not None:
        hazards = worlds.telco_hazards(made)
        _write(hazards, truth, f"truth.{world}_hazards")
        console.say(f"{truth}: {console.count(hazards.num_rows, 'month')}")


def _simulate_clv(target: Path, customers: int, seed: int, truth: Path | None) -> None:
    from foretable.simulate import clv_chunks, clv_truth

    if truth is not None and truth.suffix != ".parquet":
        raise UsageError(f"cannot write {truth}", hint="the truth of clv is a .parquet file")
    if truth is not None and truth.resolve().parent == target.resolve():
        raise UsageError(f"{truth} lies among the tables", hint="keep the truth aside: name a file in another folder")
    rows: Counter[str] = Counter()
    with ExitStack() as stack:
        listen, write = stack.enter_context(console.progress()), stack.enter_context(worlds_clv.writer(target))
        values = stack.enter_context(worlds_clv.parquet(truth)) if truth is not None else None
        for tables in clv_chunks(customers, seed):
            write(tables)
            if values is not None:
                made = clv_truth(tables)
                values(made)
                rows[str(truth)] += made.num_rows
            rows.update({name: made.num_rows for name, made in tables.items()})
            done = sum(rows[name] for name in PEOPLE)
            listen(Progress("clv", "running", console.count(done, "customer"), share=min(done / (2 * customers), 1.0)))
    for name in sorted(rows):
        console.say(f"{name}: {console.count(rows[name], 'row')}")


def _new(target: Path) -> Path:
    """The path, unless it may be somebody's warehouse."""
    if target.suffix == ".duckdb" and target.exists():
        raise UsageError(f"{target} is there already", hint="it may be a warehouse: name a new file, or remove it first")
    return target


def _writable(target: Path) -> Path:
    if target.suffix not in ENDINGS:
        raise UsageError(f"cannot write {target}", hint=f"known endings: {', '.join(ENDINGS)}")
    return _new(target)


def _write(rows: pa.Table, target: Path, table: str) -> None:
    """Write a file of the kind that its ending names, complete or not at all."""
    import pyarrow.csv
    import pyarrow.parquet

    with files.replacing(target) as part:
        if target.suffix == ".csv":
            pyarrow.csv.write_csv(rows, part)
        elif target.suffix == ".parquet":
            pyarrow.parquet.write_table(rows, part)
        else:
            _write_duckdb(rows, part, table)


def _write_duckdb(rows: pa.Table, path: Path, name: str) -> None:
    import duckdb
    from sqlglot import exp

    from foretable.sql import statement, table
    from foretable.warehouse.open import NO_PROGRESS

    path.unlink(missing_ok=True)
    connection = duckdb.connect(path)
    try:
        connection.execute(NO_PROGRESS)
        connection.register("made", rows)
        connection.execute(statement("CREATE SCHEMA $schema", schema=exp.to_identifier(name.split(".")[0], quoted=True)))
        connection.execute(statement("CREATE TABLE $target AS SELECT * FROM made", target=table(name)))
    finally:
        connection.close()
