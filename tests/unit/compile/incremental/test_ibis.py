"""What Ibis makes of feature views: their trees are read as DuckDB reads their text."""

from __future__ import annotations

from foretable.compile import compile_project
from foretable.declare.load import load_project
from foretable.sql import render

DECLARED = """import ibis
import foretable as ft
from foretable import _, last
c = ft.Entity("customer", key="customer_id")
days = ft.Source("raw.days", entity=c, time="day")
plans = ft.Source("raw.plans", entity=c, valid=("since", "until"))
products = ft.Source("raw.products", fixed=["product", "kind"])

@ft.feature_view("features.windows", entity=c)
def windows():
    o = days.rows()
    return o.group_by("customer_id").agg(n=o.count(where=last(o.day, months=1)), latest=o.v.argmax(o.day))

@ft.feature_view("features.dimension", entity=c)
def dimension():
    o = days.rows()
    return o.join(products.rows(), "product").group_by("customer_id").agg(kinds=_.kind.nunique())

@ft.feature_view("features.latest", entity=c)
def latest():
    o = days.rows()
    numbered = o.mutate(place=ibis.row_number().over(group_by="customer_id", order_by=[ibis.desc("day"), "v", "product"]))
    return numbered.filter(numbered.place == 0).select("customer_id", "v")

@ft.feature_view("features.union", entity=c)
def union():
    both = days.rows().select("customer_id", "v").union(plans.rows().select("customer_id", v=_.fee))
    return both.group_by("customer_id").agg(n=_.count())

@ft.feature_view("features.semi", entity=c)
def semi():
    return plans.rows().semi_join(days.rows(), "customer_id").select("customer_id", "fee")

@ft.feature_view("features.asof", entity=c)
def asof():
    p = plans.rows().select("customer_id", day=_.since.cast("date"))
    return p.asof_join(days.rows(), on="day", predicates="customer_id").select("customer_id", "v")

@ft.feature_view("features.mean", entity=c)
def mean():
    o = days.rows()
    return o.filter(o.v > o.v.mean()).group_by("customer_id").agg(n=_.count())
"""
FILES = {
    "pipelines/a.py": DECLARED,
    "sql/sources/raw.days.sql": "CREATE TABLE raw.days (customer_id BIGINT, day DATE, v INTEGER, product INTEGER)",
    "sql/sources/raw.plans.sql": "CREATE TABLE raw.plans (customer_id BIGINT, since TIMESTAMP, until TIMESTAMP, fee INTEGER)",
    "sql/sources/raw.products.sql": "CREATE TABLE raw.products (product INTEGER, kind VARCHAR)",
}


def test_feature_views_in_ibis_are_incremental(project):
    graph = compile_project(load_project(project(FILES, 'time_zone = "Europe/Berlin"')))
    found = {name.removeprefix("features."): compiled.analysis for name, compiled in graph.tables.items()}
    assert {name: analysis.reason for name, analysis in found.items() if analysis.reason} == {
        "mean": "raw.days is read whole besides, so that any change of it changes every row: "
        "a subquery reads it without comparing a column with the key"
    }
    assert not any(analysis.volatile for analysis in found.values())
    assert next(effect.path for effect in found["dimension"].effects if effect.table == "raw.products")[0].gives == ("customer_id",)
    assert found["asof"].unique == (("raw.days", ("day", "customer_id")),)
    assert {len(analysis.restricted) for name, analysis in found.items() if name in ("union", "semi", "asof")} == {2}
    day = "DATE_TRUNC('DAY', timezone('Europe/Berlin', timezone('UTC', as_of())))"
    assert [render(edge.moment) for edge in found["windows"].boundaries] == [day, f"({day} - INTERVAL '1' MONTH)"]
