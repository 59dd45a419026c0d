"""What the rows of every layer must look like.

A row of ``clean`` that breaks a rule goes to quarantine with the reason; in the later layers a broken
rule stops the refresh, because there the mistake would be ours.
"""

import ibis
import pandera.ibis as pa

import foretable as ft

ANSWERS = ["Yes", "No"]
PHONE_ANSWERS = [*ANSWERS, "No phone service"]
INTERNET_ANSWERS = [*ANSWERS, "No internet service"]
CONTRACTS = ["Month-to-month", "One year", "Two year"]
INTERNET = ["DSL", "Fiber optic", "No"]
PAYMENTS = ["Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)"]


def one_of(values: list[str]) -> pa.Column:
    """A text column with one of the values, never NULL."""
    return pa.Column(str, pa.Check.isin(values))


def share() -> pa.Column:
    """A probability, never NULL."""
    return pa.Column(float, pa.Check.in_range(0, 1))


ft.schema(
    "raw.telco",
    pa.DataFrameSchema(
        {
            "customerID": pa.Column(str, pa.Check.str_length(min_value=1)),
            "gender": pa.Column(str),
            "SeniorCitizen": pa.Column(int, pa.Check.isin([0, 1])),
            "Partner": one_of(ANSWERS),
            "Dependents": one_of(ANSWERS),
            "tenure": pa.Column(int, pa.Check.ge(0)),
            "PhoneService": one_of(ANSWERS),
            "MultipleLines": one_of(PHONE_ANSWERS),
            "InternetService": one_of(INTERNET),
            "OnlineSecurity": one_of(INTERNET_ANSWERS),
            "OnlineBackup": one_of(INTERNET_ANSWERS),
            "DeviceProtection": one_of(INTERNET_ANSWERS),
            "TechSupport": one_of(INTERNET_ANSWERS),
            "StreamingTV": one_of(INTERNET_ANSWERS),
            "StreamingMovies": one_of(INTERNET_ANSWERS),
            "Contract": one_of(CONTRACTS),
            "PaperlessBilling": one_of(ANSWERS),
            "PaymentMethod": one_of(PAYMENTS),
            "MonthlyCharges": pa.Column(float, pa.Check.ge(0)),
            "TotalCharges": pa.Column(str, pa.Check.str_matches(r"^\s*([0-9]+(\.[0-9]+)?)?\s*$")),
            "Churn": one_of(ANSWERS),
        },
        unique=["customerID"],
    ),
)

ft.schema(
    "clean.telco_customers",
    pa.DataFrameSchema(
        {
            "customer_id": pa.Column(str, pa.Check.str_length(min_value=1)),
            "tenure": pa.Column(ibis.dtype("int32"), pa.Check.ge(0)),
            "contract": one_of(CONTRACTS),
            "internet_service": one_of(INTERNET),
            "payment_method": one_of(PAYMENTS),
            "monthly_charge": pa.Column(checks=pa.Check.ge(0)),
            "total_charges": pa.Column(checks=pa.Check.ge(0), nullable=True),
            **{
                name: pa.Column(bool)
                for name in (
                    "senior_citizen", "partner", "dependents", "phone_service", "multiple_lines", "online_security", "online_backup",
                    "device_protection", "tech_support", "streaming_tv", "streaming_movies", "paperless_billing", "churned",
                )
            },
        },
        unique=["customer_id"],
    ),
)  # fmt: skip

ft.schema(
    "features.telco_customer_months",
    pa.DataFrameSchema(
        {
            "months_active": pa.Column(int, pa.Check.ge(3)),
            "months_to_renewal": pa.Column(int, pa.Check.in_range(1, 24)),
            "monthly_charge": pa.Column(float, pa.Check.ge(0)),
            "charges_to_date": pa.Column(float, pa.Check.ge(0)),
            "term_progress": pa.Column(float, pa.Check.in_range(0, 1)),
        },
        unique=["customer_id", "tenure_month"],
    ),
)

WORDS = {
    "customer_id": "Who: the key of the customer",
    "tenure_month": "Complete months of tenure that the row describes",
    "months_ahead": "Months from now: 0 is the month that comes next",
    "telco_churn_probability": "Calibrated probability of leaving in that month, 0 to 1",
    "telco_churn_probability_challenger": "What the next best version of the model would say",
    "model_version_challenger": "Version of the model that would",
    "telco_churn_factors": "The three features that move the probability most: feature, value, contribution (log-odds), reason",
    "telco_churn_as_published_probability": "Class-weighted score of next month: an order, no probability",
    "model_version": "Version of the model that scored the row",
    "scored_at": "Clock at which the row was scored, UTC",
    "churn_probability_month": "Calibrated probability of leaving in the next month, 0 to 1",
    "churn_probability_12m": "Probability of leaving within the next 12 months, 0 to 1",
    "expected_lifetime": "Months that a customer who is kept is expected to stay, 36 at most",
    "as_published_score": "Class-weighted score of next month: an order, no probability",
    "churn_factors": "The three features that move the risk of the next month most: feature, value, contribution (log-odds), reason",
    "tenure": "Complete months as a customer",
    "contract": "Month-to-month, One year or Two year",
    "internet_service": "DSL, Fiber optic or No",
    "tech_support": "Whether technical support is booked",
    "payment_method": "How the customer pays",
    "monthly_charge": "Money per month",
    "lifetime_value": "Monthly charge x expected lifetime x margin, in money",
    "rank": "1 for the highest expected value",
    "recommended_action": "What to do, in words",
    "production": "Whether the customer is called: within the rules, the budget and the capacity",
    "production_rank": "Place among those who are called",
    "cost": "Money spent",
    "cumulative_cost": "Money spent on everybody called up to this one",
    "expected_value": "Money that the call is expected to bring, its cost taken off",
    "probability": "The probability decided on, rounded to nine digits",
    "value": "Money that is lost if the customer leaves",
    "eligible": "Whether the rules allow the call",
    "customers": "How many customers are called",
    "threshold": "Lowest probability of those who are called",
    "profit": "Money expected from the calls by the calibrated probability within 12 months, cost taken off",
    "own_profit": "Money that the mode's own score promises",
    "roi": "Profit by money spent",
    "is_optimum": "Whether the profit is highest here: N* and p*",
    "mode": "Which way of deciding",
    "live_customers": "Customers who are here now",
    "calls": "How many of them are called",
    "expected_profit": "Money expected from the calls, cost taken off",
}


def published(table: str, names: str, rules: dict[str, pa.Column], **keys: list[str]) -> None:
    """A table that people read: every column with its words, and a rule where there is one."""
    columns = {name: rules.get(name) or pa.Column(nullable=True) for name in names.split()}
    for name, column in columns.items():
        column.description = WORDS[name]
    ft.schema(table, pa.DataFrameSchema(columns, **keys))


CUSTOMER = """churn_probability_month churn_probability_12m expected_lifetime model_version as_published_score churn_factors
    tenure contract internet_service tech_support payment_method monthly_charge lifetime_value"""

published(
    "predictions.telco_churn",
    f"customer_id {CUSTOMER}",
    {
        "churn_probability_month": share(),
        "churn_probability_12m": share(),
        "as_published_score": share(),
        "expected_lifetime": pa.Column(checks=pa.Check.in_range(12, 36)),
        "lifetime_value": pa.Column(checks=pa.Check.ge(0)),
    },
    unique=["customer_id"],
)
for scores, names in {
    "predictions.telco_next_months": "customer_id tenure_month months_ahead telco_churn_probability model_version scored_at",
    "predictions.telco_this_month": """customer_id tenure_month contract telco_churn_probability model_version
        telco_churn_probability_challenger model_version_challenger telco_churn_factors scored_at""",
    "predictions.telco_as_published": "customer_id tenure_month telco_churn_as_published_probability model_version scored_at",
}.items():
    published(scores, names, {name: share() for name in names.split() if name.endswith("_probability")})
for plan in ("decisions.action_plan", "decisions.action_plan_as_published"):
    published(
        plan,
        f"""customer_id rank recommended_action production production_rank cost cumulative_cost expected_value probability value
        eligible {CUSTOMER}""",
        {
            "rank": pa.Column(int, pa.Check.ge(1)),
            "expected_value": pa.Column(checks=pa.Check.gt(0)),
            "cost": pa.Column(checks=pa.Check.in_range(0, 50)),
            "cumulative_cost": pa.Column(checks=pa.Check.le(50_000), nullable=True),
            "recommended_action": pa.Column(str),
        },
        unique=["customer_id"],
    )
published("decisions.profit_curve", "customers threshold cost profit roi is_optimum", {"customers": pa.Column(checks=pa.Check.ge(0))})
published("decisions.telco_modes", "mode customers cost own_profit profit roi", {"mode": pa.Column(str)}, unique=["mode"])
published("decisions.telco_segments", "contract internet_service live_customers calls cost expected_profit", {})
