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

ft.schema(
    "predictions.telco_churn",
    pa.DataFrameSchema(
        {
            "churn_probability_month": share(),
            "churn_probability_12m": share(),
            "as_published_score": share(),
            "expected_lifetime": pa.Column(checks=pa.Check.in_range(12, 36)),
            "lifetime_value": pa.Column(checks=pa.Check.ge(0)),
        },
        unique=["customer_id"],
    ),
)

for plan in ("decisions.action_plan", "decisions.action_plan_as_published"):
    ft.schema(
        plan,
        pa.DataFrameSchema(
            {
                "rank": pa.Column(int, pa.Check.ge(1)),
                "expected_value": pa.Column(checks=pa.Check.gt(0)),
                "cost": pa.Column(checks=pa.Check.in_range(0, 50)),
                "cumulative_cost": pa.Column(checks=pa.Check.le(50_000), nullable=True),
                "recommended_action": pa.Column(str),
            },
            unique=["customer_id"],
        ),
    )
