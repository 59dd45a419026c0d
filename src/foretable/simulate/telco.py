"""A telephone company's customers: the shape of IBM's Telco sample, from a seed, with the true hazard kept aside.

Customers join with a contract and services, stay from month to month, and leave with a probability
that is known: the discrete-time hazard of ``telco_shape``. The file shows each of them on its last
day: how many months they have completed, and whether they have left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.errors import UsageError
from foretable.simulate import telco_shape as shape

Traits = dict[str, np.ndarray]
"""Codes and flags by name, one element per customer."""


def simulate_telco(customers: int, seed: int = 0) -> pa.Table:
    """Customers in IBM's 21 columns.

    Parameters
    ----------
    customers
        How many; a million takes a few seconds.
    seed
        The same seed gives the same table.

    Returns
    -------
    pyarrow.Table
        One row per customer. ``tenure`` is in complete months (0 to 72), money in dollars,
        ``TotalCharges`` text that is blank at tenure 0, ``Churn`` Yes for about 26 in 100.
    """
    if not 1 <= customers <= 10_000 * 26**5:
        raise UsageError(f"{customers} customers cannot be simulated", hint="give a number from 1 on")
    rng = np.random.default_rng(seed)
    traits = _traits(customers, rng)
    tenure, left = _live_through(traits, _months_since_start(traits, rng), rng)
    return _table(traits, tenure, left, rng)


def telco_hazards(customers: pa.Table) -> pa.Table:
    """The truth behind a simulated table: the probability of leaving at the end of each month lived through.

    Parameters
    ----------
    customers
        What ``simulate_telco`` gave, or some of its rows.

    Returns
    -------
    pyarrow.Table
        One row per customer and complete month (1 to tenure): customer_id, tenure_month, true_hazard (0 to 1).
    """
    tenure = customers["tenure"].to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(tenure)), tenure)
    month = np.arange(len(rows)) - np.repeat(np.cumsum(tenure) - tenure, tenure) + 1
    traits = _read_traits(customers)
    hazard = _hazard(_static_logit(traits)[rows], traits["contract"][rows], month)
    return pa.table({"customer_id": customers["customerID"].take(pa.array(rows)), "tenure_month": month, "true_hazard": hazard})


def true_risk(customers: pa.Table, months: int) -> np.ndarray:
    """The true probability, per customer, of leaving at one of the next ``months`` ends of a month, from ``tenure`` on.

    Months after the 72nd have the hazard of the 72nd.
    """
    traits, tenure = _read_traits(customers), customers["tenure"].to_numpy().astype(np.int64)
    static, stays = _static_logit(traits), np.ones(len(tenure))
    for ahead in range(months):
        stays *= 1 - _hazard(static, traits["contract"], np.clip(tenure + ahead, 1, shape.LAST_MONTH))
    return 1 - stays


def _traits(n: int, rng: np.random.Generator) -> Traits:
    senior = _flag(np.full(n, shape.SENIOR), rng)
    partner = _flag(shape.PARTNER[senior], rng)
    internet, phone, lines = shape.COMBINATIONS[rng.choice(len(shape.COMBINATIONS), n, p=shape.PHONE_AND_INTERNET)].T
    contract = _pick(shape.CONTRACT[internet] * shape.CONTRACT_TILT[partner], rng)
    chance = shape.ADDONS[internet, contract]
    addons = rng.random((n, chance.shape[1])) < chance
    addons[:, 5] = np.where(rng.random(n) < shape.SAME_STREAMING, addons[:, 4], addons[:, 5])
    return {
        "female": _flag(np.full(n, 0.495), rng),
        "senior": senior,
        "partner": partner,
        "dependents": _flag(shape.DEPENDENTS[senior, partner], rng),
        "internet": internet,
        "phone": phone,
        "lines": lines,
        "contract": contract,
        "paperless": _flag(shape.PAPERLESS[internet, contract], rng),
        "payment": _pick(shape.PAYMENT[internet, contract], rng),
        **dict(zip(shape.PROTECTION + shape.STREAMING, addons.astype(np.int64).T, strict=True)),
    }


def _flag(chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(len(chance)) < chance).astype(np.int64)


def _pick(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One category per row, with the row's weights."""
    steps = np.cumsum(weights, axis=1)
    picked: np.ndarray = (rng.random(len(weights))[:, None] * steps[:, -1:] >= steps).sum(axis=1)
    return picked


def _months_since_start(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    deciles = shape.MONTHS_SINCE_START[traits["internet"], traits["contract"]]
    place = rng.random(len(deciles)) * 10
    below = np.minimum(place.astype(np.int64), 9)
    rows = np.arange(len(deciles))
    low, high = deciles[rows, below], deciles[rows, below + 1]
    months = np.clip(np.ceil(low + (high - low) * (place - below)), 1, shape.LAST_MONTH).astype(np.int64)
    return np.where(rng.random(len(months)) < shape.JUST_JOINED[traits["contract"]], 0, months)


def _live_through(traits: Traits, since_start: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Months completed, and who left after the last of them."""
    static = _static_logit(traits)
    tenure, left = since_start.copy(), np.zeros(len(since_start), dtype=bool)
    at_risk = np.flatnonzero(since_start >= 1)
    for month in range(1, shape.LAST_MONTH + 1):
        at_risk = at_risk[since_start[at_risk] >= month]
        goes = rng.random(len(at_risk)) < _hazard(static[at_risk], traits["contract"][at_risk], np.int64(month))
        gone = at_risk[goes]
        tenure[gone], left[gone] = month, True
        at_risk = at_risk[~goes]
    return tenure, left


def _static_logit(traits: Traits) -> np.ndarray:
    logit: np.ndarray = (
        shape.BASE
        + shape.BY_CONTRACT[traits["contract"]]
        + shape.BY_INTERNET[traits["internet"]]
        + shape.BY_PAYMENT[traits["payment"]]
        + shape.PAPERLESS_EFFECT * traits["paperless"]
        + shape.SENIOR_EFFECT * traits["senior"]
        + shape.PARTNER_EFFECT * traits["partner"]
        + shape.LINES_EFFECT * traits["lines"]
        + shape.PHONE_EFFECT * traits["phone"]
    )
    for name, effect in zip(shape.PROTECTION, shape.BY_PROTECTION, strict=True):
        logit = logit + effect * traits[name]
    return logit


def _hazard(static: np.ndarray, contract: np.ndarray, month: Any) -> np.ndarray:
    """The probability of leaving at the end of a month, for those who have stayed until then."""
    logit = (
        static
        + shape.LOG_MONTH * np.log(month)
        + shape.FIRST_MONTH * (month == 1)
        + shape.PER_YEAR_AFTER_24 * np.maximum(month - 24, 0) / 12
        + shape.PER_YEAR_AFTER_60 * np.maximum(month - 60, 0) / 12
        + shape.PER_YEAR_BY_CONTRACT[contract] * month / 12
    )
    hazard: np.ndarray = 1 / (1 + np.exp(-logit))
    return hazard


def _table(traits: Traits, tenure: np.ndarray, left: np.ndarray, rng: np.random.Generator) -> pa.Table:
    monthly = _monthly_charges(traits, rng)
    no_phone, no_internet = traits["phone"] == 0, traits["internet"] == shape.INTERNET.index("No")
    columns: Mapping[str, pa.Array] = {
        "customerID": _customer_ids(len(tenure)),
        "gender": _words(traits["female"], ("Male", "Female")),
        "SeniorCitizen": pa.array(traits["senior"]),
        "Partner": _yes(traits["partner"]),
        "Dependents": _yes(traits["dependents"]),
        "tenure": pa.array(tenure),
        "PhoneService": _yes(traits["phone"]),
        "MultipleLines": _words(np.where(no_phone, 2, traits["lines"]), ("No", "Yes", "No phone service")),
        "InternetService": _words(traits["internet"], shape.INTERNET),
        **{
            name: _words(np.where(no_internet, 2, traits[name]), ("No", "Yes", "No internet service"))
            for name in shape.PROTECTION + shape.STREAMING
        },
        "Contract": _words(traits["contract"], shape.CONTRACTS),
        "PaperlessBilling": _yes(traits["paperless"]),
        "PaymentMethod": _words(traits["payment"], shape.PAYMENTS),
        "MonthlyCharges": pa.array(monthly),
        "TotalCharges": _total_charges(monthly, tenure, rng),
        "Churn": _yes(left.astype(np.int64)),
    }
    return pa.table(columns)


def _monthly_charges(traits: Traits, rng: np.random.Generator) -> np.ndarray:
    list_price: np.ndarray = (
        shape.PHONE_PRICE * traits["phone"] + shape.LINES_PRICE * traits["lines"] + shape.INTERNET_PRICE[traits["internet"]]
    )
    for names, price in ((shape.PROTECTION, shape.PROTECTION_PRICE), (shape.STREAMING, shape.STREAMING_PRICE)):
        for name in names:
            list_price = list_price + price * traits[name]
    nickels = np.round((list_price + rng.normal(0, shape.PRICE_NOISE, len(list_price))) * 20)
    charges: np.ndarray = np.round(np.maximum(nickels / 20, 18.25), 2)
    return charges


def _total_charges(monthly: np.ndarray, tenure: np.ndarray, rng: np.random.Generator) -> pa.Array:
    """Text as in IBM's file: prices moved a little over the months, and a blank where no month is complete."""
    drift = rng.normal(0, 12, len(monthly)) * np.sqrt(np.maximum(tenure - 1, 0))
    total = np.round(np.round(np.maximum(monthly * tenure + drift, monthly) * 20) / 20, 2)
    return pc.if_else(pa.array(tenure == 0), " ", pa.array(total).cast(pa.string()))


def _customer_ids(n: int) -> pa.Array:
    """Ids of IBM's form, 7590-VHVEG: four digits and five letters, each once."""
    number = np.arange(n)
    digits = number * 6997 % 10_000
    letters = (number // 10_000 * 1_000_003 + digits * 7_691_123 + 5_555_555) % 26**5
    text = np.full((n, 10), ord("-"), dtype=np.uint8)
    for place in range(4):
        text[:, 3 - place] = ord("0") + digits // 10**place % 10
    for place in range(5):
        text[:, 9 - place] = ord("A") + letters // 26**place % 26
    return pa.array(text.reshape(-1).view("S10"), pa.binary()).cast(pa.string())


def _words(codes: np.ndarray, words: tuple[str, ...]) -> pa.Array:
    return pa.array(words).take(pa.array(codes))


def _yes(flags: np.ndarray) -> pa.Array:
    return _words(flags, ("No", "Yes"))


def _read_traits(customers: pa.Table) -> Traits:
    """The traits that the hazard depends on, read back from the columns."""

    def codes(column: str, words: tuple[str, ...]) -> np.ndarray:
        found: np.ndarray = pc.index_in(customers[column], value_set=pa.array(words)).to_numpy()
        return found

    def yes(column: str) -> np.ndarray:
        flags: np.ndarray = (codes(column, ("Yes",)) == 0).astype(np.int64)
        return flags

    return {
        "contract": codes("Contract", shape.CONTRACTS),
        "internet": codes("InternetService", shape.INTERNET),
        "payment": codes("PaymentMethod", shape.PAYMENTS),
        "paperless": yes("PaperlessBilling"),
        "senior": customers["SeniorCitizen"].to_numpy(),
        "partner": yes("Partner"),
        "lines": yes("MultipleLines"),
        "phone": yes("PhoneService"),
        **{name: yes(name) for name in shape.PROTECTION},
    }
