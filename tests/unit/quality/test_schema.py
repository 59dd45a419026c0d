"""Declaring a schema: what is taken, what is refused, and when its fingerprint changes."""

from __future__ import annotations

from types import SimpleNamespace

import pandera.ibis as pa
import pytest

from foretable.declare.origin import collecting
from foretable.declare.schema import schema
from foretable.errors import DeclarationError


def test_a_schema_is_collected_under_its_tables_name_and_place():
    rules = pa.DataFrameSchema({"a": pa.Column(int)})
    with collecting() as found:
        declared = schema("raw.Orders", rules)
    assert found == [declared]
    assert (declared.name, declared.schema) == ("raw.orders", rules)
    assert declared.origin.file == __file__
    assert schema(SimpleNamespace(name="raw.x"), rules).name == "raw.x"


def test_a_model_class_is_taken_for_its_schema():
    class Orders(pa.DataFrameModel):
        a: int = pa.Field(ge=0)

    assert list(schema("raw.orders", Orders).schema.columns) == ["a"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"a": int}, "is a builtins.dict"),
        (pa.DataFrameSchema({"a": pa.Column(int, pa.Check(lambda x: x > 0, element_wise=True))}), "raw.t.a is element_wise"),
        (pa.DataFrameSchema({"a": pa.Column(int, pa.Check.ge(0, raise_warning=True))}), "raise_warning"),
        (pa.DataFrameSchema({}, checks=pa.Check(lambda x: x > 0, element_wise=True)), "raw.t is element_wise"),
    ],
)
def test_what_cannot_run_in_the_warehouse_is_refused_with_its_place(rules, message):
    with pytest.raises(DeclarationError, match=message) as caught:
        schema("raw.t", rules)
    assert caught.value.where.startswith(__file__)
    assert "pa." in caught.value.hint


def test_a_pandas_schema_is_refused():
    pandas = pytest.importorskip("pandera.pandas")
    with pytest.raises(DeclarationError, match=r"import pandera\.ibis"):
        schema("raw.t", pandas.DataFrameSchema({}))


def test_the_fingerprint_follows_the_rules_and_nothing_else():
    def of(*checks: pa.Check, **options: object) -> str:
        return schema("raw.t", pa.DataFrameSchema({"a": pa.Column(int, list(checks), **options)})).fingerprint

    assert of(pa.Check.ge(0)) == of(pa.Check.ge(0))
    assert of(pa.Check(lambda d: d.table.a > 0)) == of(pa.Check(lambda d: d.table.a > 0))
    different = [
        of(),
        of(pa.Check.ge(0)),
        of(pa.Check.ge(1)),
        of(pa.Check.ge(0), nullable=True),
        of(pa.Check(lambda d: d.table.a > 0)),
        of(pa.Check(lambda d: d.table.a > 1)),
    ]
    assert len(set(different)) == len(different)
