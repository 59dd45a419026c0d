"""What is known of DuckDB's aggregate and window functions: how far their result hangs on the order of rows.

A test asks the pinned DuckDB for its functions, so that a new one cannot slip in unclassified; another one runs
every aggregate over shuffled rows, several threads and some of the groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlglot import exp

Kind = Literal["sequence", "always", "floating", "never", "refused"]
MARK = "foretable_mark_"
"""``foretable_mark_<number>_<name>`` stands for a call of ``<name>`` where a text was marked; see ``deterministic``."""


@dataclass(frozen=True)
class Aggregate:
    """One aggregate function.

    Parameters
    ----------
    kind
        ``sequence``: gives rows in their order, one or all. ``always``: rounds differently, or breaks ties, by order.
        ``floating``: so only where its argument is floating. ``never``: not at all. ``refused``: cannot be repaired.
    values
        So many leading arguments, as keys of ORDER BY inside the call, determine the result.
    """

    kind: Kind
    values: int = 1


_NAMES: dict[Aggregate, str] = {
    Aggregate("sequence"): "any_value arbitrary array_agg first group_concat last list listagg string_agg",
    # the variance of integers rounds too: DuckDB casts them to DOUBLE first
    Aggregate("always"): (
        "approx_quantile approx_top_k arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin"
        " entropy favg fsum kahan_sum kurtosis kurtosis_pop max_by min_by mode product sem skewness stddev stddev_pop stddev_samp"
        " sumkahan var_pop var_samp variance"
    ),
    Aggregate("always", 2): ("corr covar_pop covar_samp regr_avgx regr_avgy regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy"),
    Aggregate("floating"): "avg mean sum",
    Aggregate("never", 0): (
        "approx_count_distinct bit_and bit_or bit_xor bitstring_agg bool_and bool_or count count_if count_star countif histogram"
        " histogram_exact mad max median min quantile quantile_cont quantile_disc percentile_cont percentile_disc regr_count"
        " sum_no_overflow"
    ),
    Aggregate("refused", 0): "reservoir_quantile",  # a sample is what it promises
}
AGGREGATES: dict[str, Aggregate] = {name: fact for fact, names in _NAMES.items() for name in names.split()}
"""By DuckDB's name, in lower case."""
TOP_N = frozenset(name for name in AGGREGATES if name.startswith(("arg_m", "argm")) or name in ("max_by", "min_by"))
"""With a third argument they give several rows, and their second argument orders them."""
PAIRED = frozenset(("arg_max", "arg_min", "argmax", "argmin", "max_by", "min_by"))
"""With two arguments, ties are broken by a pair in the place of the second one: far cheaper than an ORDER BY inside."""
PLACES = frozenset(("lag", "lead", "ntile", "row_number"))
"""Window functions that look at a row's place in its partition, whatever the frame is."""
FRAMED = frozenset(("first_value", "last_value", "nth_value"))
"""Window functions that look at a place in the frame."""
PEERS = frozenset(("cume_dist", "dense_rank", "percent_rank", "rank", "rank_dense"))
"""Window functions that treat equal rows alike."""
REFUSED_WINDOWS = frozenset(("fill",))
WINDOWS = PLACES | FRAMED | PEERS | REFUSED_WINDOWS
_CALLED = {
    "rand": "random",
    "approx_distinct": "approx_count_distinct",
    "bitwise_and_agg": "bit_and",
    "bitwise_or_agg": "bit_or",
    "bitwise_xor_agg": "bit_xor",
}
"""Names of DuckDB's for functions that sqlglot calls otherwise."""


def name_of(node: exp.Expr) -> str:
    """DuckDB's name of the function that a node calls, in lower case; empty where it calls none.

    Of several names for one function, any may come back.
    """
    if isinstance(node, exp.Anonymous):
        name = str(node.this if isinstance(node.this, str) else node.name).lower()
        return name.removeprefix(MARK).partition("_")[2] if name.startswith(MARK) else name
    if not isinstance(node, exp.Func):
        return ""
    names = [name.lower() for name in type(node).sql_names()]
    return next((name for name in names if name in AGGREGATES or name in WINDOWS), _CALLED.get(names[0], names[0]))


def aggregate(node: exp.Expr) -> Aggregate | None:
    """What is known of the aggregate that a node calls; None where it calls none that is known."""
    return AGGREGATES.get(name_of(node))


def needed(name: str, arguments: int) -> int:
    """How many leading arguments of a call must be keys of its ORDER BY."""
    return 2 if name in TOP_N and arguments > 2 else AGGREGATES[name].values


def is_paired(given: list[exp.Expr]) -> bool:
    """Whether arguments are ``(a, CASE WHEN b IS NOT NULL THEN (b, a) END)``: of equal b, the largest or smallest a counts."""
    if len(given) != 2 or not isinstance(given[1], exp.Case) or len(given[1].args["ifs"]) != 1:
        return False
    pair = given[1].args["ifs"][0].args["true"]
    return isinstance(pair, exp.Tuple) and len(pair.expressions) == 2 and pair.expressions[1] == given[0]


def window_of(call: exp.Expr) -> exp.Window | None:
    """The OVER that a call stands before, FILTER and IGNORE NULLS between."""
    node = call.parent
    while isinstance(node, exp.Filter | exp.IgnoreNulls | exp.RespectNulls) and node.this is not None:
        call, node = node, node.parent
    return node if isinstance(node, exp.Window) and node.this is call else None


def arguments(call: exp.Expr) -> tuple[list[exp.Expr], list[exp.Ordered], bool]:
    """Arguments of a call, the keys of the ORDER BY inside, and whether DISTINCT stands there."""
    found: list[exp.Expr] = []
    keys: list[exp.Ordered] = []
    distinct = False
    given = [value for value in call.args.values() if value is not None]
    for one in [part for value in given for part in (value if isinstance(value, list) else [value]) if isinstance(part, exp.Expr)]:
        part: exp.Expr | None = one
        while isinstance(part, exp.Order | exp.IgnoreNulls | exp.RespectNulls):
            if isinstance(part, exp.Order):
                keys += [key for key in part.expressions if not name_of(key.this).startswith("order_by")]
            part = part.args.get("this")
        if isinstance(part, exp.Distinct):
            distinct = True
            found += part.expressions
        elif part is not None and not isinstance(part, exp.Identifier):
            found.append(part)
    return found, keys, distinct
