"""Tables that foretell: SQL-first machine learning inside an embedded DuckDB warehouse.

A project's files read ``import foretable as ft``. Every public name is here and is imported when it
is first used, so that the command line starts at once.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ibis import _ as _
    from ibis.expr.types import Table as Table

    from foretable import errors as errors
    from foretable.decide import Action as Action
    from foretable.decide import decision as decision
    from foretable.decide import profit_curve as profit_curve
    from foretable.declare.baselines import BuyTillYouDie as BuyTillYouDie
    from foretable.declare.baselines import CellMeans as CellMeans
    from foretable.declare.baselines import LastPeriod as LastPeriod
    from foretable.declare.candidates import LinearRegression as LinearRegression
    from foretable.declare.candidates import LogisticRegression as LogisticRegression
    from foretable.declare.candidates import RandomForest as RandomForest
    from foretable.declare.candidates import XGBoost as XGBoost
    from foretable.declare.candidates import among as among
    from foretable.declare.candidates import between as between
    from foretable.declare.clock import as_of as as_of
    from foretable.declare.clock import last as last
    from foretable.declare.entity import Entity as Entity
    from foretable.declare.function import function as function
    from foretable.declare.judge import EntitySplit as EntitySplit
    from foretable.declare.judge import Gate as Gate
    from foretable.declare.judge import TimeSplit as TimeSplit
    from foretable.declare.judge import Value as Value
    from foretable.declare.model import Model as Model
    from foretable.declare.schema import schema as schema
    from foretable.declare.scoring import scoring_table as scoring_table
    from foretable.declare.source import Source as Source
    from foretable.declare.tables import dynamic_table as dynamic_table
    from foretable.declare.tables import feature_view as feature_view
    from foretable.declare.tables import label as label
    from foretable.declare.tables import ref as ref
    from foretable.session import open_project as open
    from foretable.udf.connect import connect as connect

_HOMES = {
    "foretable.declare.baselines": ("BuyTillYouDie", "CellMeans", "LastPeriod"),
    "foretable.declare.candidates": ("LinearRegression", "LogisticRegression", "RandomForest", "XGBoost", "among", "between"),
    "foretable.declare.clock": ("as_of", "last"),
    "foretable.declare.entity": ("Entity",),
    "foretable.declare.function": ("function",),
    "foretable.declare.judge": ("EntitySplit", "Gate", "TimeSplit", "Value"),
    "foretable.declare.model": ("Model",),
    "foretable.declare.schema": ("schema",),
    "foretable.declare.scoring": ("scoring_table",),
    "foretable.declare.source": ("Source",),
    "foretable.declare.tables": ("dynamic_table", "feature_view", "label", "ref"),
    "foretable.decide": ("Action", "decision", "profit_curve"),
    "foretable.udf": ("connect",),
    "ibis": ("_",),
    "ibis.expr.types": ("Table",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "Action",
    "BuyTillYouDie",
    "CellMeans",
    "Entity",
    "EntitySplit",
    "Gate",
    "LastPeriod",
    "LinearRegression",
    "LogisticRegression",
    "Model",
    "RandomForest",
    "Source",
    "Table",
    "TimeSplit",
    "Value",
    "XGBoost",
    "_",
    "among",
    "as_of",
    "between",
    "connect",
    "decision",
    "dynamic_table",
    "errors",
    "feature_view",
    "function",
    "label",
    "last",
    "open",
    "profit_curve",
    "ref",
    "schema",
    "scoring_table",
]


def __getattr__(name: str) -> Any:
    if name == "open":
        value = importlib.import_module("foretable.session").open_project
    elif name == "errors":
        value = importlib.import_module("foretable.errors")
    elif name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"foretable has no public name {name!r}", name=name, obj=sys.modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
