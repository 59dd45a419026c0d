"""CDNOW (Fader and Hardie), the orders of those who first bought in the first quarter of 1997, as the tables of ``clv_sources``.

In the place of ``pipelines/clv_sources.py``. The file has an order a line: customer, date, number of CDs, amount. Nothing is known of
who the customers are but since when, nor of interactions, and nothing arrives apart.
"""

import foretable as ft

customer = ft.Entity("customer", key="customer_id")

HORIZON, HORIZON_DAYS = "90 days", 90
MATURE_DAYS = 90
START, EVERY = "1997-04-07", "90 days"
EVENTS = {
    "website_visits": "website_visit", "email_opens": "email_open", "email_clicks": "email_click",
    "support_tickets": "support_ticket", "product_views": "product_view", "cart_adds": "cart_add",
}  # fmt: skip
PROFILE: list[str] = []

FILE = "cdnow_master.csv"
PROFILES = "SELECT customer_id, min(date) AS signup_date FROM file GROUP BY ALL"
# Lines have no number: one is given, the same whatever the order they are read in.
TRANSACTIONS = """
    SELECT
        row_number() OVER (ORDER BY customer_id, date, quantity, amount) AS transaction_id,
        customer_id,
        date::TIMESTAMP AS transaction_date,
        amount::DECIMAL(10, 2) AS amount,
        'CD' AS product_category,
        quantity::INTEGER AS quantity
    FROM file
"""
INTERACTIONS = "SELECT 0 AS interaction_id, customer_id, date::TIMESTAMP AS event_date, '' AS event_type FROM file WHERE false"
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
