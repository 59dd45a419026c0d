"""init and debug."""

from __future__ import annotations

import tomllib
from pathlib import Path

import duckdb
import pytest

from foretable.scaffold import full_project

ROOT = Path(__file__).resolve().parents[2]


def test_a_starter_is_a_project(call, tmp_path):
    done = call(tmp_path, "init", str(tmp_path / "My Shop"))
    assert done.code == 0
    root = tmp_path / "My Shop"
    assert "foretable run" in done.out
    assert tomllib.loads((root / "pyproject.toml").read_text())["tool"]["foretable"]["name"] == "my_shop"
    assert (root / ".gitignore").exists()
    assert not (root / "gitignore").exists()
    names = {entry["name"] for entry in call(root, "ls", "--json").json()}
    assert names == {"raw.orders", "features.customer_orders", "training.churned", "predictions.churn", "decisions.call_list", "churn"}


def test_a_starter_records_what_its_files_hold(call, starter):
    done = call(starter, "sync", "--json")
    assert done.code == 0
    assert done.json() == {"sources": ["raw.orders"], "changed": []}


def test_the_orders_of_the_starter_come_from_their_script(tmp_path):
    from runpy import run_path

    folder = ROOT / "src" / "foretable" / "scaffold" / "starter" / "data"
    made = run_path(str(folder / "make_orders.py"))["orders"]()
    lines = (folder / "orders.csv").read_text().splitlines()[1:]
    assert [",".join(map(str, row)) for row in made] == lines


@pytest.mark.parametrize("kind", [[], ["--full"], ["--attach", "x.duckdb"]], ids=str)
def test_a_folder_with_something_in_it_is_left_alone(call, tmp_path, kind):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    done = call(tmp_path, "init", str(tmp_path / "mine"), *kind)
    assert done.code == 2
    assert "is not empty" in done.err
    assert "Hint:" in done.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_the_reference_project_is_copied_whole(tmp_path):
    files = {str(path) for path in full_project(tmp_path / "reference")}
    expected = {
        str(path.relative_to(ROOT))
        for folder in ("pipelines", "models", "udfs", "sql")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert {name for name in expected if "__pycache__" not in name} <= files
    assert {"pyproject.toml", "README.md", ".gitignore"} <= files


def test_the_reference_project_has_the_settings_of_this_repository():
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["foretable"]
    template = ROOT / "src" / "foretable" / "scaffold" / "reference" / "pyproject.toml"
    assert tomllib.loads(template.read_text())["tool"]["foretable"] == ours


@pytest.fixture
def shop_file(tmp_path):
    """Somebody's warehouse: events, history, a register, and a table of no kind."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(
            """
            CREATE SCHEMA marts;
            CREATE TABLE marts.dim_customers AS
                SELECT i AS customer_id, TIMESTAMP '2024-01-01' + INTERVAL (i) DAY AS signed_up_at, 'north' AS region
                FROM range(10) AS t(i);
            CREATE TABLE marts.fct_orders AS
                SELECT i AS order_id, i % 10 AS customer_id, now()::TIMESTAMP AS updated_at,
                    TIMESTAMP '2025-01-01' + INTERVAL (i) HOUR AS ordered_at, 9.5 AS amount
                FROM range(40) AS t(i);
            CREATE TABLE marts.customer_plan AS
                SELECT i AS customer_id, 'gold' AS plan,
                    TIMESTAMP '2024-01-01' AS dbt_valid_from, NULL::TIMESTAMP AS dbt_valid_to
                FROM range(10) AS t(i);
            CREATE TABLE settings AS SELECT 'a' AS key, 'b' AS "value";
            """
        )
    return path


def test_a_project_is_drafted_for_a_warehouse_in_place(call, tmp_path, shop_file):
    before = shop_file.read_bytes()
    root = tmp_path / "drafted"
    done = call(tmp_path, "init", str(root), "--attach", str(shop_file))
    assert done.code == 0, done.err
    draft = (root / "pipelines" / "sources.py").read_text()
    assert 'marts_fct_orders = ft.Source("shop.marts.fct_orders", entity=customer, time="ordered_at")' in draft
    assert 'valid=("dbt_valid_from", "dbt_valid_to")' in draft
    assert 'marts_dim_customers = ft.Source("shop.marts.dim_customers", entity=customer, time="signed_up_at", fixed=[])' in draft
    assert 'main_settings = ft.Source("shop.main.settings")' in draft
    assert "refused in training sets" in draft
    listed = {entry["name"]: entry["kind"] for entry in call(root, "ls", "--json").json()}
    assert listed["shop.marts.fct_orders"] == "event source"
    assert listed["shop.marts.customer_plan"] == "scd2 source"
    assert call(root, "sync", "--json").json()["changed"] == []
    assert shop_file.read_bytes() == before


def test_a_folder_is_found_for_a_drafted_project(call, tmp_path, shop_file, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert call(tmp_path, "init", "--attach", str(shop_file)).code == 0
    assert (tmp_path / "work" / "shop" / "pipelines" / "sources.py").exists()
    assert call(tmp_path, "init").code == 2


def test_a_table_can_be_built_on_the_drafted_sources(call, tmp_path, shop_file):
    root = tmp_path / "drafted"
    call(tmp_path, "init", str(root), "--attach", str(shop_file))
    (root / "sql" / "spend.sql").write_text(
        "CREATE DYNAMIC TABLE features.spend ENTITY = customer AS\n"
        "SELECT customer_id, sum(amount) AS spend FROM shop.marts.fct_orders WHERE ordered_at < as_of() GROUP BY customer_id;\n"
    )
    done = call(root, "run")
    assert done.code == 0, done.err
    assert call(root, "sql", "SELECT count(*) AS n FROM features.spend", "--json").json() == [{"n": 10}]


@pytest.mark.parametrize("name", ["raw", "order", "2024", "ft"])
def test_whatever_a_file_and_its_columns_are_called_the_draft_loads(call, tmp_path, name):
    with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as theirs:
        theirs.execute('CREATE TABLE pupils (class_id INT, ft_id INT, "2nd_id" INT, "a ""b" INT, enrolled_at TIMESTAMP)')
        theirs.execute("CREATE TABLE classes (class_id INT, created_at TIMESTAMP)")
        theirs.execute('CREATE TABLE friends (ft_id INT, "2nd_id" INT, "odd key_id" INT)')
    root = tmp_path / "drafted"
    call(tmp_path, "init", str(root), "--attach", str(tmp_path / f"{name}.duckdb"))
    done = call(root, "plan")
    assert done.code == 0, done.err
    assert len(call(root, "ls", "--json").json()) == 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("missing.duckdb", None, "no such file"), ("broken.duckdb", b"not a database at all" * 500, "not a DuckDB file")],
)
def test_a_file_that_cannot_be_attached_starts_nothing(call, tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = call(tmp_path, "init", str(tmp_path / "drafted"), "--attach", str(tmp_path / name))
    assert done.code == 1
    assert says in done.err
    assert not (tmp_path / "drafted").exists()


def test_debug_looks_at_everything(call, starter):
    done = call(starter, "debug")
    assert done.code == 0
    assert "1 source, 4 tables, 1 model" in done.out
    assert "duckdb" in done.out


def test_debug_says_what_is_wrong(call, starter):
    (starter / "warehouse.duckdb").write_bytes(b"no warehouse" * 1000)
    done = call(starter, "debug", "--json")
    assert done.code == 1
    assert "not a DuckDB file" in done.err
    assert done.json()["declarations"] == "1 source, 4 tables, 1 model"
