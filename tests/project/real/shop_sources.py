"""A small shop that keeps one list of its sales, as the tables of ``clv_sources``.

In the place of ``pipelines/clv_sources.py``: text with a decimal comma, names in another language, no table of customers.
"""

import foretable as ft

customer = ft.Entity("customer", key="customer_id")

HORIZON, HORIZON_DAYS = "90 days", 90
MATURE_DAYS = 60
START, EVERY = "2024-04-01", "90 days"
EVENTS = {
    "website_visits": "website_visit", "email_opens": "email_open", "email_clicks": "email_click",
    "support_tickets": "support_ticket", "product_views": "product_view", "cart_adds": "cart_add",
}  # fmt: skip
PROFILE = ["region"]

FILE = "verkauf.csv"
PROFILES = "SELECT Kunde AS customer_id, min(Tag)::DATE AS signup_date, min(Ort) AS region FROM file GROUP BY ALL"
TRANSACTIONS = """
    SELECT
        Beleg AS transaction_id,
        Kunde AS customer_id,
        Tag::TIMESTAMP AS transaction_date,
        replace(Betrag, ',', '.')::DECIMAL(10, 2) AS amount,
        Ware AS product_category,
        1 AS quantity
    FROM file
"""
INTERACTIONS = "SELECT 0 AS interaction_id, Kunde AS customer_id, Tag::TIMESTAMP AS event_date, '' AS event_type FROM file WHERE false"
NOTHING = "SELECT * FROM ({}) WHERE false"

profiles = ft.Source("raw.continuous_customers_profile", entity=customer, time="signup_date", fixed=PROFILE, file=FILE, query=PROFILES)
profiles_staging = ft.Source(
    "raw.continuous_customers_profile_staging",
    entity=customer,
    time="signup_date",
    fixed=PROFILE,
    file=FILE,
    query=NOTHING.format(PROFILES),
)
transactions = ft.Source(
    "raw.continuous_transactions", entity=customer, time="transaction_date", sparse=True, file=FILE, query=TRANSACTIONS
)
transactions_staging = ft.Source(
    "raw.continuous_transactions_staging",
    entity=customer,
    time="transaction_date",
    sparse=True,
    file=FILE,
    query=NOTHING.format(TRANSACTIONS),
)
interactions = ft.Source("raw.continuous_interactions", entity=customer, time="event_date", sparse=True, file=FILE, query=INTERACTIONS)
interactions_staging = ft.Source(
    "raw.continuous_interactions_staging", entity=customer, time="event_date", sparse=True, file=FILE, query=INTERACTIONS
)
