"""Trees as SQL: one nested CASE per tree, added up.

Trees split in float32. No database is asked for that type: ``float32(x) < threshold`` holds exactly for the
doubles below a boundary that is found here, half way to the float32 before it, so the columns stay DOUBLE,
nothing overflows, and a dialect without float32 gives the same leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlglot import exp

from foretable.forms.expression_parts import all_null, by_level, choose, infinity, is_null, is_number, number, total
from foretable.forms.form import FIRST_SLOT, NULL_SLOT, UNSEEN_SLOT, Column, Tree, Trees
from foretable.registry.signature import Feature


def tree_columns(form: Trees, features: Sequence[Feature], columns: Sequence[exp.Expr]) -> list[exp.Expr]:
    """What the trees read: a DOUBLE or BOOLEAN per column of the form, NULL where a value is missing or NaN."""
    return [_encoded(column, features[column.feature], columns[column.feature]) for column in form.columns]


def tree_outputs(form: Trees, features: Sequence[Feature], encoded: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The raw outputs for what ``tree_columns`` gives; an empty row has one too."""
    terms: list[list[exp.Expr]] = [[number(base)] for base in form.base.tolist()]
    boolean = [features[column.feature].kind == "boolean" for column in form.columns]
    for tree in form.trees:
        for position, target in enumerate(tree.targets):
            # To some databases all these constants are decimals.
            terms[target].append(exp.cast(_nested(tree, position, form.strict, encoded, boolean), "DOUBLE"))
    return [total(each) for each in terms]


def unless_empty(output: exp.Expr, columns: Sequence[exp.Expr]) -> exp.Expr:
    """NULL for a row whose columns are all NULL."""
    return choose(output, (all_null(columns), exp.null()))


def boundaries(threshold: np.ndarray, *, strict: bool) -> np.ndarray:
    """The doubles such that ``x < boundary`` where ``float32(x)`` is below (or, unless strict, at) a float32 threshold.

    NaN where every number is: at infinity, unless strict. Compared as doubles, 0 and 1 lie on the same side as ever.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        above = threshold if strict else np.nextafter(threshold, np.float32(np.inf))
        below = np.nextafter(above, np.float32(-np.inf))
        # Infinity stands where the next float32 would; rounding beyond the largest one goes half way there.
        middle = (np.clip(above.astype(np.float64), -(2.0**128), 2.0**128) + np.clip(below.astype(np.float64), -(2.0**128), 2.0**128)) / 2
        found = np.where(middle.astype(np.float32) < above, np.nextafter(middle, np.inf), middle)
    found = np.where(above == -np.inf, -np.inf, found)
    everything: np.ndarray = found if strict else np.where(threshold == np.inf, np.nan, found)
    return everything


def _encoded(column: Column, feature: Feature, value: exp.Expr) -> exp.Expr:
    if feature.kind == "number":
        return choose(exp.null(), (is_number(value), value.copy()))
    if feature.kind == "boolean":
        return value.copy()
    table = np.arange(-2.0, len(feature.vocabulary)) if column.table is None else column.table.astype(np.float64)
    if column.table is None:
        table[NULL_SLOT], table[UNSEEN_SLOT] = np.nan, -1.0
    known = {level: float(code) for level, code in zip(feature.vocabulary, table[FIRST_SLOT:], strict=True)}
    missing = None if np.isnan(table[NULL_SLOT]) else float(table[NULL_SLOT])
    return by_level(value, known, float(table[UNSEEN_SLOT]), missing)


def _nested(tree: Tree, position: int, strict: bool, encoded: Sequence[exp.Expr], boolean: Sequence[bool]) -> exp.Expr:
    """One CASE in another, from the root; NULL goes where no condition holds."""
    ends = boundaries(tree.threshold, strict=strict)

    def at(node: int) -> exp.Expr:
        if tree.column[node] < 0:
            return number(tree.value[node, position])
        value, left, right = encoded[tree.column[node]], at(tree.left[node]), at(tree.right[node])
        if boolean[tree.column[node]]:
            yes, no = (right if at_value >= ends[node] else left for at_value in (1.0, 0.0))
            return _either(value, yes, no, left if tree.missing_left[node] else right)
        if np.isnan(ends[node]):
            return choose(left if tree.missing_left[node] else right, (exp.Not(this=is_null(value)), left))
        end = number(ends[node]) if np.isfinite(ends[node]) else infinity(ends[node] < 0)
        if tree.missing_left[node]:
            return choose(left, (exp.GTE(this=value.copy(), expression=end), right))
        return choose(right, (exp.LT(this=value.copy(), expression=end), left))

    return at(0)


def _either(value: exp.Expr, yes: exp.Expr, no: exp.Expr, missing: exp.Expr) -> exp.Expr:
    if yes is no:
        return yes if missing is yes else choose(missing, (exp.Not(this=is_null(value)), yes))
    if missing is no:
        return choose(no, (value.copy(), yes))
    return choose(yes, (exp.Not(this=value.copy()), no))
