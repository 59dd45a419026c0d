"""What the two pipelines of customer lifetime value read, and their lengths of time.

The only file to exchange for running them on other data: declare the same names over other tables
(``file=`` and ``query=`` read a file in another shape). Nothing else knows a date, a horizon or a value of a category.

Each table of history has one of ``_staging`` beside it: what arrived since history was last loaded. A row there with a key that
history has too is a correction and stands for it. No table holds the clock back (``sparse``): history ends where staging begins.
"""

import foretable as ft

customer = ft.Entity("customer", key="customer_id")
acquisition_channel = ft.Entity("acquisition_channel", key="acquisition_channel")

HORIZON, HORIZON_DAYS = "365 days", 365
"""How far ahead value is predicted."""
MATURE_DAYS = 90
"""Tenure from which a customer is scored by what they have done, and not by how they came."""
START, EVERY = "2020-04-01", "3 months"
"""The dates at which established customers are looked at to learn from."""
COLDSTART_START, COLDSTART_EVERY, COLDSTART_EVERY_DAYS = "2019-09-02", "7 days", 7
"""The same for new customers: each is looked at once, within a week of being observed, as they are scored soon after it. The value
of the first channels is not known yet then: that a model learns from a third more customers is worth more."""
EVENTS = {
    "website_visits": "website_visit",
    "email_opens": "email_open",
    "email_clicks": "email_click",
    "support_tickets": "support_ticket",
    "product_views": "product_view",
    "cart_adds": "cart_add",
}
"""What an interaction is counted as, and what ``event_type`` says."""

COLDSTART_TRAITS = ["acquisition_channel", "acquisition_source", "device_type", "age_group", "region", "area_type"]
"""How a new customer came, and who they are."""
PROFILE = ["age_group", "region"]

profiles = ft.Source(
    "raw.continuous_customers_profile",
    entity=customer,
    time="signup_date",
    fixed=PROFILE,
    description="One row per customer: when they signed up, and who they are.",
)
profiles_staging = ft.Source("raw.continuous_customers_profile_staging", entity=customer, time="signup_date", fixed=PROFILE)
transactions = ft.Source(
    "raw.continuous_transactions",
    entity=customer,
    time="transaction_date",
    sparse=True,
    description="One row per purchase; a negative amount is a return.",
)
transactions_staging = ft.Source("raw.continuous_transactions_staging", entity=customer, time="transaction_date", sparse=True)
interactions = ft.Source(
    "raw.continuous_interactions", entity=customer, time="event_date", sparse=True, description="One row per visit, mail read, ticket, …"
)
interactions_staging = ft.Source("raw.continuous_interactions_staging", entity=customer, time="event_date", sparse=True)

coldstart_customers = ft.Source(
    "raw.coldstart_customers",
    entity=customer,
    time="observed_at",
    sparse=True,
    description="One row per customer: all that was known of them when they were observed, 1 to 30 days after signing up.",
)
coldstart_customers_staging = ft.Source("raw.coldstart_customers_staging", entity=customer, time="observed_at", sparse=True)
coldstart_transactions = ft.Source(
    "raw.coldstart_transactions",
    entity=customer,
    time="transaction_date",
    sparse=True,
    description="What these customers bought, the first purchase and all later ones: the outcome.",
)
