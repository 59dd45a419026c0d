"""What DuckDB says about a call of a model, told as one clear error."""

from __future__ import annotations

import re
from collections.abc import Callable

from foretable.errors import ForetableError, UnknownName, UsageError, WarehouseError

_EXCEPTION = re.compile(r"Python exception occurred while executing the UDF: (?P<name>\w+): (?P<text>.*?)(?:\n\nAt:|\Z)", re.DOTALL)


def explain(error: BaseException) -> ForetableError | None:
    """The error that a user should read instead of DuckDB's, where a model's function was called wrongly.

    Parameters
    ----------
    error
        What ``connection.execute`` raised.

    Returns
    -------
    ForetableError | None
        None where the error is about something else.
    """
    text = str(error)
    for pattern, tell in _TOLD:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return tell(found)
    raised = _EXCEPTION.search(text)
    if raised:
        message, _, hint = raised["text"].strip().partition("\nHint: ")
        kind = WarehouseError if raised["name"] == "WarehouseError" else ForetableError
        return kind(message if kind is WarehouseError else f"{raised['name']}: {message}", hint=hint)
    return None


def _scalar(found: re.Match[str]) -> ForetableError:
    return UsageError(
        f"predict_<model>() takes a whole row with column {found['field']!r}, not the single value {found['value']}",
        hint="name the table and pass its name: SELECT predict_churn(f) FROM features.usage AS f",
    )


def _not_one(found: re.Match[str]) -> ForetableError:
    name = found["name"]
    return UsageError(f"{name}() takes one whole row", hint=f"pass the row by its table's name: {name}(f), not (f.*) or (f.x, f.y)")


def _missing(found: re.Match[str]) -> ForetableError:
    return UnknownName(
        f"the model needs column {found['field']!r}, which the row does not have",
        hint="pass a row of the model's feature view; if the column is gone for good, train the model again",
    )


def _mistyped(found: re.Match[str]) -> ForetableError:
    return UsageError(found["text"], hint="cast the column where it is made: the functions never cast text in silence")


def _silent(found: re.Match[str]) -> ForetableError:
    return WarehouseError(found["text"], hint="train or register the model again: only versions that keep their form can be explained")


def _plain(_: re.Match[str]) -> ForetableError:
    return WarehouseError(
        "this connection does not know the models", hint="open the file with foretable.connect(path), or use: foretable sql"
    )


_TOLD: tuple[tuple[str, Callable[[re.Match[str]], ForetableError]], ...] = (
    (r"Cannot extract field '(?P<field>[^']+)' from expression \"(?P<value>.+?)\" because it is not a struct", _scalar),
    (r"Macro (?P<name>(predict|explain)_\w+)\(\) does not support the supplied arguments", _not_one),
    (r"Could not find key \"(?P<field>[^\"]+)\" in struct", _missing),
    (r"\"features_of\" does not have a column named \"(?P<field>[^\"]+)\"", _missing),
    (r"(?P<text>(predict|explain)_\w+: column \"[^\"]+\" is .+? is expected)", _mistyped),
    (r"(?P<text>explain_\w+: the version has no explanations)", _silent),
    (r"Function with name foretable_(scores?(_once)?|explain) does not exist", _plain),
)
