"""Telco churn: from one row per customer to a plan whom to call within a budget.

``raw.telco`` is a snapshot: who the customer is, what they use and pay, how many months they have
been here, and whether they have left. Assumed, because a snapshot cannot tell: contract, services
and monthly charge were the same in every month. Nothing else is known about an earlier month, so
final tenure, total charges and churn are no features.
"""

import math
from decimal import Decimal

import ibis

import foretable as ft
from foretable import _

from ..models.telco_churn import FIRST_MONTH, PEOPLE, customer, customer_month, telco_churn, telco_churn_as_published

HORIZON = 12
"""Months over which a customer's risk is decided on."""
LAST_MONTH = 72
"""The longest tenure there is to learn from; older months are scored like this one."""
MARGIN = Decimal("0.60")
"""Share of the monthly charge that is left after the cost of the service: an assumption."""
LIFETIME_CAP = 24
"""Months after the horizon that are counted at most: who knows about the fourth year?"""

telco = ft.Source(
    "raw.telco",
    fixed=[
        "customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines",
        "InternetService", "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies",
        "Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn",
    ],
    description="One row per customer, in the shape of IBM's Telco sample: 21 columns, no dates.",
)  # fmt: skip


@ft.dynamic_table("clean.telco_customers", entity=customer)
def telco_customers() -> ft.Table:
    """One row per customer: typed, in snake_case; money in DECIMAL, NULL where the file is blank or says neither yes nor no."""
    t = telco.rows()

    def yes(answer: ibis.Value) -> ibis.Value:
        return ibis.cases((answer == "Yes", True), (answer.isin(["No", "No phone service", "No internet service"]), False), else_=None)

    return t.select(
        customer_id=t.customerID,
        gender=t.gender,
        senior_citizen=t.SeniorCitizen == 1,
        partner=yes(t.Partner),
        dependents=yes(t.Dependents),
        tenure=t.tenure.cast("int32"),
        phone_service=yes(t.PhoneService),
        multiple_lines=yes(t.MultipleLines),
        internet_service=t.InternetService,
        online_security=yes(t.OnlineSecurity),
        online_backup=yes(t.OnlineBackup),
        device_protection=yes(t.DeviceProtection),
        tech_support=yes(t.TechSupport),
        streaming_tv=yes(t.StreamingTV),
        streaming_movies=yes(t.StreamingMovies),
        contract=t.Contract,
        paperless_billing=yes(t.PaperlessBilling),
        payment_method=t.PaymentMethod,
        monthly_charge=t.MonthlyCharges.cast("decimal(10, 2)"),
        total_charges=t.TotalCharges.try_cast("decimal(12, 2)"),
        churned=yes(t.Churn),
    )


def _count(*flags: ibis.Value) -> ibis.Value:
    return sum((flag.cast("int32") for flag in flags[1:]), flags[0].cast("int32"))


def features_of(t: ft.Table) -> ft.Table:
    """The 48 features of customer-months, and ``PEOPLE``; ``t`` has the customer's columns, and ``month``, the one described."""
    t = t.mutate(
        price=t.monthly_charge.cast("float64"),
        term=ibis.cases((t.contract == "Two year", 24), (t.contract == "One year", 12), else_=1),
        household=1 + _count(t.partner, t.dependents),
        protection=_count(t.online_security, t.online_backup, t.device_protection, t.tech_support),
        streaming=_count(t.streaming_tv, t.streaming_movies),
        basics=_count(t.phone_service, t.multiple_lines, t.internet_service != "No"),
        automatic=t.payment_method.endswith("(automatic)"),
    )
    t = t.mutate(services=t.basics + t.protection + t.streaming)
    return t.select(
        "customer_id", "tenure_month", *PEOPLE,
        "partner", "dependents", "phone_service", "multiple_lines", "internet_service",
        "online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies",
        "contract", "paperless_billing", "payment_method",
        household_size=t.household, protection_count=t.protection, streaming_count=t.streaming, service_count=t.services,
        **_progress(t), **_rolling(t), **_ratios(t),
        automatic_payment=t.automatic,
        uncommitted=(t.contract == "Month-to-month") & ~t.automatic,
        uncommitted_first_year=(t.contract == "Month-to-month") & (t.month <= 12),
        fiber_unsupported=(t.internet_service == "Fiber optic") & ~t.tech_support,
    )  # fmt: skip


def _progress(t: ft.Table) -> dict[str, ibis.Value]:
    """How far the relationship and its contract have come."""
    in_term = t.month % t.term
    return {
        "months_active": t.month,
        "log_months": (t.month + 1).cast("float64").ln(),
        "year_of_tenure": (t.month - 1) // 12 + 1,
        "first_year": t.month <= 12,
        "contract_months": t.term,
        "month_in_term": in_term,
        "months_to_renewal": t.term - in_term,
        "term_progress": in_term / t.term,
        "renewals": t.month // t.term,
    }


def _rolling(t: ft.Table) -> dict[str, ibis.Value]:
    """What the last 3, 6 and 12 months held."""
    lived = {months: ibis.least(t.month, months) for months in (3, 6, 12)}
    renewed = {months: t.month // t.term - ibis.greatest(t.month - months, 0) // t.term for months in lived}
    return (
        {f"renewals_{months}m": renewals for months, renewals in renewed.items()}
        | {f"charges_{months}m": complete * t.price for months, complete in lived.items()}
        | {f"charge_share_{months}m": complete / t.month for months, complete in lived.items()}
    )


def _ratios(t: ft.Table) -> dict[str, ibis.Value]:
    """Money, and money and services against one another."""
    return {
        "charges_to_date": t.month * t.price,
        "monthly_charge": t.price,
        "commitment_left": (t.term - t.month % t.term) * t.price,
        "charge_per_service": t.price / t.services.nullif(0),
        "charge_per_member": t.price / t.household,
        "addon_share": (t.protection + t.streaming) / 6,
        "protection_share": t.protection / t.services.nullif(0),
        "streaming_share": t.streaming / t.services.nullif(0),
    }


@ft.feature_view("features.telco_customer_months", entity=customer_month)
def telco_customer_months() -> ft.Table:
    """One row per customer and complete month of tenure, from the third on: the state after that month."""
    t = telco_customers.rows()
    t = t.mutate(tenure_month=ibis.range(FIRST_MONTH, t.tenure + 1).unnest())
    return features_of(t.mutate(month=t.tenure_month))


@ft.feature_view("features.telco_next_months", entity=customer_month)
def telco_next_months() -> ft.Table:
    """One row per live customer and month of the horizon: the state now (0 months ahead) and as it will be if they stay.

    Live are those who have not left after three months or more; younger customers have too short a past.
    """
    t = telco_customers.rows()
    t = t.filter(~t.churned & (t.tenure >= FIRST_MONTH))
    t = t.mutate(tenure_month=ibis.range(t.tenure, t.tenure + HORIZON).unnest())
    rows = features_of(t.mutate(month=ibis.least(t.tenure_month, ibis.greatest(t.tenure, LAST_MONTH))))
    ahead = t.select("customer_id", "tenure_month", months_ahead=t.tenure_month - t.tenure)
    return customer_month.join(rows, ahead)


@ft.feature_view("features.telco_this_month", entity=customer_month)
def telco_this_month() -> ft.Table:
    """One row per live customer: the state now."""
    return telco_next_months.rows().filter(_.months_ahead == 0)


monthly_scores = ft.scoring_table("predictions.telco_next_months", model=telco_churn, over=telco_next_months, keep=["months_ahead"])
# Why, for those who are here now, beside what the next best version would say.
this_month_scores = ft.scoring_table(
    "predictions.telco_this_month", model=telco_churn, over=telco_this_month, keep=["contract"], shadow="challenger", reasons=3
)
published_scores = ft.scoring_table("predictions.telco_as_published", model=telco_churn_as_published, over=telco_this_month)


@ibis.udf.scalar.builtin(signature=(("decimal(10, 2)", "decimal(10, 2)", "decimal(5, 4)"), "decimal(18, 2)"))
def customer_lifetime_value(monthly_revenue, months, margin):  # type: ignore[no-untyped-def]
    """The macro in udfs/value.sql."""


@ft.dynamic_table("predictions.telco_churn", entity=customer)
def telco_scores() -> ft.Table:
    """One row per live customer with three months or more: risk next month, risk within 12 months, and value.

    ``churn_probability_12m`` is one less the product of staying in each of the twelve months, each with
    its own probability. ``expected_lifetime`` (months) is what a customer who is kept is worth counting: the
    horizon, then 1 / h at the hazard h of its last month, 24 months at most. ``as_published_score`` is
    the class-weighted score of next month: an order, not a probability. ``churn_factors`` are the three features that
    move the risk of next month most, with words for the service team.
    """
    s = monthly_scores.rows()
    ahead = [s.telco_churn_probability.max(where=s.months_ahead == k) for k in range(HORIZON)]
    risks = s.group_by("customer_id").agg(
        churn_probability_month=ahead[0],
        churn_probability_12m=1 - math.prod(1 - hazard for hazard in ahead),
        expected_lifetime=(HORIZON + ibis.least(1 / ahead[-1].nullif(0), LIFETIME_CAP)).cast("decimal(10, 2)"),
        model_version=s.model_version.max(),
    )
    published = published_scores.rows().select("customer_id", as_published_score=_.telco_churn_as_published_probability)
    factors = this_month_scores.rows().select("customer_id", churn_factors=_.telco_churn_factors)
    who = telco_customers.rows().select(
        "customer_id", "tenure", "contract", "internet_service", "tech_support", "payment_method", "monthly_charge"
    )
    t = customer.join(risks, published, factors, who)
    return t.mutate(lifetime_value=customer_lifetime_value(t.monthly_charge, t.expected_lifetime, ibis.literal(MARGIN, "decimal(5, 4)")))


# A third of those who want to leave can be talked into staying: an assumption, to be replaced by an experiment.
call = ft.Action("call with a retention offer", cost=50, false_alarm_cost=300, success="0.30", capacity=1000)

what_to_offer = ibis.cases(
    ((_.internet_service == "Fiber optic") & ~_.tech_support, "call: a one-year contract with technical support included"),
    (_.payment_method == "Electronic check", "call: a one-year contract with a discount for automatic payment"),
    else_="call: a one-year contract at a lower price",
)

action_plan = ft.decision(
    "decisions.action_plan",
    scores=telco_scores,
    action=call,
    probability=_.churn_probability_12m,
    value=_.lifetime_value,
    eligible=_.churn_probability_12m.between(0.30, 0.90),
    budget=50_000,
    recommend=what_to_offer,
    description="Whom to call, best first: one row per live customer on whom a call pays within 12 months.",
)

profit_curve = ft.profit_curve("decisions.profit_curve", action_plan)

action_plan_as_published = ft.decision(
    "decisions.action_plan_as_published",
    scores=telco_scores,
    action=call,
    probability=_.as_published_score,
    value=_.lifetime_value,
    eligible=_.as_published_score.between(0.30, 0.90),
    budget=50_000,
    recommend=what_to_offer,
    description="As published: the same rules on a class-weighted score that is no probability. For comparison, not for use.",
)
