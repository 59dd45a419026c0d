"""Online Retail (UCI 352), the invoices of a wholesaler of gifts from December 2010 to December 2011, as the tables of ``clv_sources``.

In the place of ``pipelines/clv_sources.py``. A transaction is an invoice; one that takes goods back (C…) is a return, and its amount
is negative. Rows that name no customer are left out. Of interactions nothing is known, and nothing arrives apart.
"""

import foretable as ft

customer = ft.Entity("customer", key="customer_id")

HORIZON, HORIZON_DAYS = "90 days", 90
# A year of history holds three windows of 90 days: to learn from, to tune on and to be tested on. So customers are looked at early.
MATURE_DAYS = 30
START, EVERY = "2011-02-04", "7 days"
EVENTS = {
    "website_visits": "website_visit", "email_opens": "email_open", "email_clicks": "email_click",
    "support_tickets": "support_ticket", "product_views": "product_view", "cart_adds": "cart_add",
}  # fmt: skip
PROFILE = ["region"]

FILE = "online_retail.parquet"
PROFILES = """
    SELECT CustomerID AS customer_id, min(InvoiceDate)::DATE AS signup_date, min(Country) AS region
    FROM file WHERE CustomerID IS NOT NULL GROUP BY ALL
"""
TRANSACTIONS = """
    SELECT
        InvoiceNo AS transaction_id,
        CustomerID AS customer_id,
        min(InvoiceDate) AS transaction_date,
        sum((Quantity * UnitPrice)::DECIMAL(12, 2))::DECIMAL(12, 2) AS amount,
        min(left(StockCode, 2)) AS product_category,
        coalesce(sum(Quantity) FILTER (WHERE Quantity > 0), 0)::INTEGER AS quantity
    FROM file WHERE CustomerID IS NOT NULL GROUP BY ALL
"""
INTERACTIONS = """
    SELECT 0 AS interaction_id, CustomerID AS customer_id, InvoiceDate AS event_date, '' AS event_type FROM file WHERE false
"""
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
