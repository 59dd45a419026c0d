"""Bad input through the command line: one message with a place and a hint, the right exit code, an unharmed warehouse."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

HEADER = "payment_id,customer_id,paid_at,charge\n"
GOOD = HEADER + "1,1,2024-01-01 10:00:00,10.10\n2,2,2024-01-02 10:00:00,20.20\n"
DECLARED = """
import ibis
import pandera.ibis as pa
import foretable as ft
from .orders import customer

payments = ft.Source("raw.payments", entity=customer, time="paid_at")
columns = {
    "payment_id": pa.Column(int),
    "customer_id": pa.Column(int),
    "paid_at": pa.Column(ibis.dtype("timestamp")),
    "charge": pa.Column(ibis.dtype("decimal(12, 2)"), pa.Check.ge(0)),
}
ft.schema("raw.payments", pa.DataFrameSchema(columns, unique=["payment_id"]))
"""


def content(root: Path) -> dict[str, Any]:
    """What every table of the warehouse holds, the books about refreshes apart."""
    with duckdb.connect(root / "warehouse.duckdb", read_only=True) as connection:
        names = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name <> 'foretable' ORDER BY 1"
        ).fetchall()
        return {name: sorted(map(str, connection.execute(f"FROM {name}").fetchall())) for (name,) in names}


def is_told(done: Any, code: int, *words: str) -> None:
    """One error, its place and words, and a hint, on standard error alone."""
    assert done.code == code, done.err
    assert done.err.count("error: ") == 1, done.err
    assert done.err.count("Hint: ") == 1, done.err
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err, done.err


@pytest.fixture
def shop(call, starter, tmp_path):
    """A project whose payments are checked, with two of them loaded."""
    (starter / "pipelines" / "payments.py").write_text(DECLARED)
    (tmp_path / "good.csv").write_text(GOOD)
    assert call(starter, "ingest", "raw.payments", str(tmp_path / "good.csv")).code == 0
    return starter


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(None, ["in.csv", "no such file"], id="missing file"),
        pytest.param(b"%PDF-1.4\n%\xe2\xe3\n1 0 obj\n", ["in.csv", "a PDF"], id="PDF"),
        pytest.param(b"<!DOCTYPE html>\n<html><body>1,2,3,4</body></html>\n", ["in.csv", "a web page"], id="web page"),
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", ["in.csv", "not a CSV"], id="spreadsheet"),
        pytest.param(b"", ["in.csv", "empty"], id="empty file"),
        pytest.param(HEADER.encode(), ["in.csv", "no rows"], id="header alone"),
        pytest.param(b"payment_id,customer_id,paid_at\n3,1,2024-01-01\n", ["in.csv", "'charge' is missing"], id="missing column"),
        pytest.param(b"payment_id,customer_id,paid_at,chrage\n3,1,2024-01-01,1\n", ["'charge'", "mean 'chrage'"], id="misspelt column"),
        pytest.param(HEADER.strip().encode() + b",x\n3,1,2024-01-01,1,2\n", ["in.csv", "'x' is not in table"], id="extra column"),
        pytest.param(HEADER.encode() + b"3,1,2024-01-01,1\n4,1,2024-01-01,dear\n", ["in.csv:3", "'charge'", "'dear'"], id="mistyped"),
        pytest.param(HEADER.encode() + b"3,1,2024-01-01,1,9\n", ["in.csv:2", "5 fields"], id="ragged line"),
    ],
)
def test_a_file_that_is_refused(call, shop, tmp_path, given, words):
    before = content(shop)
    if given is not None:
        (tmp_path / "in.csv").write_bytes(given)
    for more in ([], ["--json"]):
        is_told(call(shop, "ingest", "raw.payments", str(tmp_path / "in.csv"), *more), 1, *words)
    assert content(shop) == before


def test_negative_charges_and_duplicate_keys_are_put_aside_and_the_rest_is_loaded(call, shop, tmp_path):
    (tmp_path / "in.csv").write_text(HEADER + "3,1,2024-01-01,-5\n4,1,2024-01-01,1\n4,1,2024-01-01,2\n1,9,2024-01-01,3\n6,1,2024-01-01,7\n")
    done = call(shop, "ingest", "raw.payments", str(tmp_path / "in.csv"))
    assert done.code == 0
    assert "1 row loaded, 4 in quarantine" in done.out
    assert "Hint: see the rows: foretable quarantine raw.payments" in done.err
    held = call(shop, "quarantine", "raw.payments", "--json").json()
    assert sorted((row["rule"].split("(")[0], row["value"]) for row in held)[0] == ("greater_than_or_equal_to", "-5.00")
    assert len(held) == 4
    rows = call(shop, "sql", "SELECT payment_id FROM raw.payments ORDER BY 1", "--json").json()
    assert [row["payment_id"] for row in rows] == [1, 2, 6]


@pytest.mark.parametrize("command", ["plan", "run", "train churn"])
def test_a_source_of_no_kind_in_a_training_set(call, built, command):
    (built / "data" / "segments.csv").write_text("customer_id,segment\n1,a\n2,b\n")
    (built / "pipelines" / "segments.py").write_text(
        "import foretable as ft\nfrom .orders import customer\n"
        'segments = ft.Source("raw.segments", entity=customer, file="data/segments.csv")\n'
        '@ft.feature_view("features.segment", entity=customer)\n'
        'def segment() -> ft.Table:\n    return segments.rows().select("customer_id", "segment")\n'
    )
    model = built / "models" / "churn.py"
    text = model.read_text().replace("features=[customer_orders]", "features=[customer_orders, segment]")
    model.write_text(text.replace("import foretable as ft\n", "import foretable as ft\nfrom ..pipelines.segments import segment\n", 1))
    before = content(built)
    is_told(call(built, *command.split()), 1, "segments.py:3", "raw.segments", "give it time=")
    assert content(built) == before


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["train", "chrun"], "'churn'"),
        (["models", "chrun"], "'churn'"),
        (["promote", "chrun@1"], "'churn'"),
        (["rollback", "chrun"], "'churn'"),
        (["show", "chrun"], "'churn'"),
        (["sql", "SELECT predict_chrun(f) FROM features.customer_orders AS f"], '"predict_churn"'),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_model_that_does_not_exist(call, built, arguments, near):
    is_told(call(built, *arguments), 1, "chrun", near)


def test_a_feature_dropped_after_training(call, built):
    """refresh names the column and keeps the last good predictions; run trains a model without it."""
    path = built / "pipelines" / "orders.py"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "orders_365d=" not in line) + "\n")
    before = content(built)
    is_told(call(built, "refresh"), 1, "predictions.churn", "'orders_365d'", "decisions.call_list", "train the model again")
    after = content(built)
    for name in ("predictions.churn", "decisions.call_list"):
        assert after[name] == before[name]
    assert call(built, "run", "--trials", "1").code == 0
    with duckdb.connect(built / "warehouse.duckdb", read_only=True) as connection:
        versions = connection.execute("SELECT DISTINCT model_version FROM predictions.churn").fetchall()
        signature = connection.execute("SELECT signature FROM foretable.model_versions WHERE version = ?", versions[0]).fetchone()
    assert signature is not None
    assert "orders_365d" not in signature[0]


@pytest.mark.parametrize("value", ["1", "'x'", "f.orders_90d", "true", "DATE '2024-01-01'"])
def test_a_scalar_where_a_row_belongs(call, built, value):
    before = content(built)
    done = call(built, "sql", f"SELECT predict_churn({value}) FROM features.customer_orders AS f")
    is_told(done, 2, "a whole row", "not the single value")
    assert content(built) == before


@pytest.mark.parametrize("arguments", ["", "f.*", "f.orders_90d, f.channel"])
def test_several_columns_where_one_row_belongs(call, built, arguments):
    done = call(built, "sql", f"SELECT predict_churn({arguments}) FROM features.customer_orders AS f")
    is_told(done, 2, "predict_churn() takes one whole row", "predict_churn(f)")


def test_a_locked_warehouse_is_left_alone_by_every_command(call, built):
    path = built / "warehouse.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(path)!r}); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        before = path.read_bytes()
        for command in ("run", "refresh", "plan", "status", "models", "history", "publish", "backup", "sync", "debug"):
            is_told(call(built, command), 1, str(holder.pid), "foretable --wait 60")
        assert path.read_bytes() == before
    finally:
        holder.communicate("\n")


@pytest.mark.parametrize("how", ["damaged", "cut off", "empty", "SQLite"])
def test_a_warehouse_that_cannot_be_read(call, built, how):
    path = built / "warehouse.duckdb"
    assert call(built, "backup").code == 0
    (saved,) = (built / "backups").iterdir()
    sound = path.read_bytes()
    middle = len(sound) // 2
    wrong = {
        "damaged": b"".join((sound[:12_388], b"\xff" * 64, sound[12_452:])),
        "cut off": sound[:middle],
        "empty": b"",
        "SQLite": b"SQLite format 3\x00" + b"\x10\x00\x01\x01\x00@  " + bytes(4072),
    }[how]
    path.write_bytes(wrong)
    for command in ("run", "status"):
        is_told(call(built, command), 1, str(path))
        assert path.read_bytes() == wrong
    assert call(built, "restore", str(saved), "--yes").code == 0
    assert call(built, "status").code == 0


def test_a_warehouse_of_a_newer_catalog_is_not_written_to(call, built, tmp_path):
    with duckdb.connect(built / "warehouse.duckdb") as connection:
        connection.execute("INSERT INTO foretable.catalog VALUES (99, '9.9', now()::TIMESTAMP)")
    before = (built / "warehouse.duckdb").read_bytes()
    (tmp_path / "in.csv").write_text(GOOD)
    for arguments in (["run"], ["refresh"], ["plan"], ["train", "churn"], ["ingest", "raw.payments", str(tmp_path / "in.csv")]):
        is_told(call(built, *arguments), 1, "version 99", "upgrade")
    assert (built / "warehouse.duckdb").read_bytes() == before


def limited(size: int, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that may write files of ``size`` bytes at most: a disk that is full there."""
    return subprocess.run(
        [sys.executable, "-m", "foretable", "-C", str(root), *arguments],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


def test_a_disk_that_fills_up_in_mid_load(built, tmp_path):
    before = content(built)
    (tmp_path / "big.csv").write_text("id,text\n" + "".join(f"{i},{i * 2_654_435_761 % 2**32:032x}{i:08d}\n" for i in range(200_000)))
    size = (built / "warehouse.duckdb").stat().st_size
    done = limited(size + 300_000, built, "ingest", "raw.big", str(tmp_path / "big.csv"))
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert done.stderr.count("Hint: ") == 1
    assert "Traceback" not in done.stderr
    assert content(built) == before


def test_a_warehouse_larger_than_may_be_written_is_not_opened_to_write(built):
    """A block cut off in the middle of the file would damage it."""
    before = (built / "warehouse.duckdb").read_bytes()
    done = limited(60_000, built, "run", "--full-refresh")
    assert done.returncode == 1, done.stderr
    assert "Hint: raise the limit: ulimit -f unlimited" in done.stderr
    assert (built / "warehouse.duckdb").read_bytes() == before
    assert limited(60_000, built, "status").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [["run", ""], ["run", "--select", ""], ["init", ""], ["export", "predictions.churn", "--csv="], ["history", ""], ["backup", ""]],
    ids=str,
)
def test_an_empty_word_is_no_word_for_everything(call, built, arguments):
    is_told(call(built, *arguments), 2, "empty argument")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["history", "predictions.chrun"], "'predictions.churn'"),
        (["quarantine", "predictions.chrun"], "'predictions.churn'"),
        (["quarantine", "raw.ordres", "--redrive"], "'raw.orders'"),
        (["export", "predictions.chrun"], "'predictions.churn'"),
        (["run", "--source", "raw.ordres=data/orders.csv"], "'raw.orders'"),
        (["run", "--select", "predictions.chrun"], "'predictions.churn'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_table_that_does_not_exist(call, built, arguments, near):
    before = content(built)
    is_told(call(built, *arguments), 1, near)
    assert content(built) == before


@pytest.mark.parametrize("command", [["ingest", "raw.orders"], ["run", "--source"]], ids=lambda command: command[0])
def test_nothing_is_loaded_into_a_source_that_is_read_in_place(call, built, command):
    before = content(built)
    file = str(built / "data" / "orders.csv")
    given = [*command, file] if command[0] == "ingest" else [*command, f"raw.orders={file}"]
    is_told(call(built, *given), 2, "pipelines/orders.py:", "data/orders.csv in place")
    assert content(built) == before


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [("nowhere/x.csv", 1, "no such file or directory"), (".", 2, "is a folder"), ("data/orders.csv/x.csv", 1, "not a directory")],
)
def test_a_place_that_cannot_be_written(call, built, monkeypatch, target, code, says):
    monkeypatch.chdir(built)
    is_told(call(built, "export", "predictions.churn", "--csv", target), code, says)
    if code == 1:
        is_told(call(built, "simulate", "telco", "--customers", "5", "--to", target), code, says)
    assert not list(built.rglob("*.tmp"))


def test_only_a_backup_that_is_there_is_restored(call, built):
    is_told(call(built, "restore", str(built / "nothing.duckdb"), "--yes"), 2, "no such file")
    is_told(call(built, "restore", str(built / "warehouse.duckdb"), "--yes"), 2, "is the warehouse itself")


def test_writing_needs_write(call, built):
    before = content(built)
    is_told(call(built, "sql", "DELETE FROM predictions.churn"), 1, "foretable sql --write")
    assert content(built) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.foretable\n", ["not TOML"]),
        ('[tool.foretable]\nwarehose = "w"\n', ["'warehose'", "'warehouse'"]),
        ("[tool.foretable]\nwarehouse = 3\n", ["warehouse = 3"]),
        ('[tool.foretable]\npublish = "predictions"\n', ["publish = 'predictions'"]),
        ('[tool.foretable]\nattach = "x.duckdb"\n', ["attach = 'x.duckdb'"]),
        ('[tool.foretable]\ntrials = "many"\n', ["trials = 'many'"]),
        ('[tool.foretable]\nname = "\xe9"\n', ["not TOML"]),
    ],
)
def test_settings_that_make_no_sense(call, starter, text, words):
    (starter / "pyproject.toml").write_bytes(text.encode("latin-1"))
    is_told(call(starter, "plan"), 1, "pyproject.toml", *words)


VIEW = """import foretable as ft
from .orders import customer, orders
@ft.feature_view('features.z', entity=customer)
def z() -> ft.Table:
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("def x(:\n    pass\n", ["bad.py:1", "invalid syntax", "reads: def x(:"], id="syntax"),
        pytest.param("import nothing_here\n", ["bad.py:1", "nothing_here"], id="import"),
        pytest.param("import foretable as ft\nx = ft.Sorce('a.b')\n", ["bad.py:2", "'Sorce'", "'Source'"], id="public name"),
        pytest.param("import foretable as ft\nx = ft.Source('a.b', tine='t')\n", ["bad.py:2", "'tine'", "help(ft.Source)"], id="parameter"),
        pytest.param("import sys\nsys.exit(3)\n", ["bad.py:2", "SystemExit"], id="exit"),
        pytest.param("1 / 0\n", ["bad.py:1", "ZeroDivisionError", "--debug"], id="exception"),
        pytest.param(VIEW + "    o = orders.rows()\n", ["bad.py:3", "gives nothing", "return"], id="no return"),
        pytest.param(VIEW + "    return ft.ref('features.customer_orders')\n", ["bad.py:3", "a declaration", ".rows()"], id="no rows"),
        pytest.param(VIEW + "    return orders.rows().select('amuont')\n", ["bad.py:5", "'amuont'", "'amount'"], id="column"),
        pytest.param(VIEW + "    return ft.ref('features.z').rows()\n", ["bad.py:3", "features.z → features.z"], id="cycle"),
    ],
)
def test_a_pipeline_that_is_wrong(call, starter, text, words):
    (starter / "pipelines" / "bad.py").write_text(text)
    is_told(call(starter, "compile"), 1, *words)


WRONG_SQL = [
    (b"CREATE DYNAMIC TABLE decisions.bad ENTITY = customer AS\nSELEC 1", ["bad.sql:2", "Unexpected token"]),
    (b"CREATE DYNAMIC TABLE decisions.bad ENTITY = customer AS\nSELECT (1", ["bad.sql:2", "Expecting )"]),
    (b"CREATE DYNAMIC TABLE decisions.bad ENTITY = custmer AS SELECT 1", ["bad.sql:1", "'custmer'", "'customer'"]),
    (b"-- a\nSELECT 'caf\xe9'", ["bad.sql:2", "not UTF-8"]),
    (b"SELECT 'open", ["bad.sql:1", "not closed"]),
]
COMPILE_EACH = """
import pathlib, sys
from foretable.cli.app import run
root = pathlib.Path(sys.argv[1])
for number in range(int(sys.argv[2])):
    (root / f"{number}.wrong").replace(root / "sql" / "bad.sql")
    print(run(["-C", str(root), "compile"]), flush=True)
    print("next", file=sys.stderr, flush=True)
"""


def test_a_sql_file_that_is_wrong(starter):
    """In a process of its own: nothing but the message reaches the terminal, no warning of a library either."""
    for number, (text, _) in enumerate(WRONG_SQL):
        (starter / f"{number}.wrong").write_bytes(text)
    command = [sys.executable, "-c", COMPILE_EACH, str(starter), str(len(WRONG_SQL))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1\n" * len(WRONG_SQL)), done.stderr
    *told, rest = done.stderr.split("next\n")
    assert rest == ""
    for said, (_, words) in zip(told, WRONG_SQL, strict=True):
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 2, said
        for word in (*words, "Hint: "):
            assert word in said


def test_a_column_that_is_not_fixed_is_not_taken_for_a_misspelt_one(call, starter):
    (starter / "data" / "people.csv").write_text("customer_id,signed_up_at,region\n1,2024-01-01,north\n")
    (starter / "pipelines" / "people.py").write_text(
        "import foretable as ft\nfrom .orders import customer\n"
        'people = ft.Source("raw.people", entity=customer, time="signed_up_at", fixed=[], file="data/people.csv")\n'
        '@ft.feature_view("features.people", entity=customer)\n'
        'def view() -> ft.Table:\n    return people.rows().select("customer_id", "region")\n'
    )
    assert call(starter, "sync").code == 0
    is_told(call(starter, "compile"), 1, "people.py:6", "'region'", "fixed=")
