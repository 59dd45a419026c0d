"""How the customers of the lifetime-value worlds are distributed: hidden classes, what they do, and who is in which.

Order of classes everywhere: ``CLASSES``. Effects are on the logits of the class; the last row of an
effect whose trait can be missing is for those where it is.
"""

from __future__ import annotations

import numpy as np

CLOCK = np.datetime64("2026-01-01", "D")
"""Nothing has happened on or after this day."""
CONTINUOUS_START, COLDSTART_START = np.datetime64("2019-01-01", "D"), np.datetime64("2019-07-01", "D")
GROWTH = 0.85
"""Signups by day: the time of the u-th share of the customers is u ** GROWTH; below 1, more come every year."""

CLASSES = ("loyal", "regular", "occasional", "bargain", "one-time")
DAYS = 365.25

# The hidden process. Rates per year; a gamma of shape s and mean m has the rate s / m.
PURCHASE_SHAPE = np.array([5.0, 4.0, 3.0, 3.0, 2.0])
PURCHASES_A_YEAR = np.array([11.0, 5.0, 2.2, 6.0, 5.0])
INTERACTION_SHAPE = np.array([6.0, 5.0, 4.0, 4.0, 3.0])
INTERACTIONS_A_YEAR = np.array([95.0, 52.0, 22.0, 70.0, 45.0])
AFTER_DROPOUT = 0.08
"""Interactions go on after the dropout at this share of their rate."""
DROPOUT = np.array([0.0025, 0.0035, 0.0035, 0.009, 0.12])
"""The chance, at the end of each week from signup on, that the customer buys no more."""
AMOUNT_SHAPE = 2.5
"""Amounts of one customer are gamma with this shape; their rate is gamma with ``PRICE_SHAPE`` and a rate by class."""
PRICE_SHAPE = 9.0
MEAN_AMOUNT = np.array([92.0, 75.0, 80.0, 40.0, 60.0])

PURCHASE_RATE = PURCHASE_SHAPE / PURCHASES_A_YEAR * DAYS
INTERACTION_RATE = INTERACTION_SHAPE / INTERACTIONS_A_YEAR * DAYS
PRICE_RATE = MEAN_AMOUNT * (PRICE_SHAPE - 1) / AMOUNT_SHAPE
"""Of the inverse scale of amounts, whose mean is AMOUNT_SHAPE * PRICE_RATE / (PRICE_SHAPE - 1)."""

AGE_GROUPS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
AGES = np.array([0.13, 0.24, 0.23, 0.18, 0.13, 0.09])
REGIONS = ("North", "South", "East", "West", "Central")
REGION = np.array([0.24, 0.21, 0.20, 0.19, 0.16])
UNKNOWN = 0.03
"""Share of customers whose age group is not known, and of those whose region is not."""
BASE = np.log([0.13, 0.28, 0.28, 0.15, 0.16])
BY_AGE = np.array(
    [
        [-0.7, -0.3, 0.1, 0.6, 0.4],
        [-0.2, 0.1, 0.0, 0.3, 0.1],
        [0.3, 0.2, 0.0, 0.0, -0.1],
        [0.5, 0.2, 0.0, -0.3, -0.2],
        [0.4, 0.1, 0.2, -0.4, -0.1],
        [-0.1, 0.0, 0.5, -0.5, 0.1],
        [0.0, 0.0, 0.0, 0.0, 0.2],
    ]
)
BY_REGION = np.array(
    [
        [0.3, 0.1, 0.0, -0.1, -0.2],
        [-0.2, 0.0, 0.1, 0.2, 0.1],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.2, 0.0, -0.1, 0.0, 0.0],
        [-0.3, -0.1, 0.1, 0.1, 0.2],
        [0.0, 0.0, 0.0, 0.0, 0.2],
    ]
)

# Continuous customers: what their events are; neither depends on the customer.
EVENT_TYPES = ("website_visit", "email_open", "email_click", "support_ticket", "product_view", "cart_add")
EVENT_256THS = np.array([84, 62, 18, 6, 66, 20])
"""Shares of the types, in 256ths."""
PRODUCT_CATEGORIES = ("Electronics", "Clothing", "Home", "Beauty", "Sports", "Books", "Toys", "Grocery")
PRODUCT_256THS = np.array([38, 52, 40, 30, 26, 24, 20, 26])
QUANTITY_256THS = np.array([150, 60, 26, 12, 8])
"""Of the quantities 1, 2, 3, 4 and 5."""

# Cold start: who comes how, and what the first 30 days show of the class.
CHANNELS = ("Organic Search", "Paid Search", "Social Media", "Email", "Referral", "Direct", "Affiliate")
CHANNEL = np.array([0.22, 0.20, 0.20, 0.10, 0.10, 0.10, 0.08])
SOURCES = ("Google", "Bing", "Facebook", "Instagram", "Newsletter", "Friend", "Partner Site")
SOURCE = np.array(
    [
        [0.74, 0.18, 0.01, 0.01, 0.02, 0.02, 0.02],
        [0.62, 0.18, 0.09, 0.07, 0.00, 0.00, 0.04],
        [0.00, 0.00, 0.48, 0.46, 0.00, 0.04, 0.02],
        [0.02, 0.00, 0.02, 0.02, 0.84, 0.06, 0.04],
        [0.02, 0.00, 0.12, 0.10, 0.02, 0.70, 0.04],
        [0.50, 0.10, 0.05, 0.05, 0.10, 0.15, 0.05],
        [0.05, 0.05, 0.05, 0.10, 0.00, 0.00, 0.75],
    ]
)
"""By channel."""
DEVICES = ("Mobile", "Desktop", "Tablet")
DEVICE = np.array([0.56, 0.34, 0.10])
AREAS = ("Urban", "Suburban", "Rural")
AREA = np.array([0.45, 0.37, 0.18])
FIRST_CATEGORIES = PRODUCT_CATEGORIES[:6]
BY_CHANNEL = np.array(
    [
        [0.4, 0.3, 0.1, -0.3, -0.4],
        [-0.3, 0.0, 0.0, 0.3, 0.3],
        [-1.2, -0.5, 0.0, 0.5, 0.8],
        [0.9, 0.5, 0.0, -0.1, -0.8],
        [1.4, 0.7, 0.0, -0.7, -1.0],
        [0.8, 0.4, 0.3, -0.4, -0.4],
        [-1.3, -0.7, -0.1, 1.0, 0.8],
    ]
)
BY_SOURCE = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.2, 0.1, 0.1, -0.1, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.1],
        [-0.3, -0.1, 0.0, 0.2, 0.3],
        [0.3, 0.1, 0.0, 0.0, -0.2],
        [0.3, 0.2, 0.0, -0.2, -0.3],
        [-0.2, -0.1, 0.0, 0.2, 0.2],
    ]
)
BY_DEVICE = np.array([[-0.2, 0.0, 0.0, 0.1, 0.1], [0.3, 0.1, 0.0, -0.2, -0.1], [0.0, 0.0, 0.1, 0.0, 0.0]])
BY_AREA = np.array([[0.1, 0.1, 0.0, 0.0, 0.0], [0.1, 0.0, 0.0, 0.0, -0.1], [-0.3, -0.1, 0.1, 0.1, 0.2]])
DRIFT = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [-0.08, 0.0, 0.0, 0.04, 0.06],
        [0.10, 0.05, 0.0, 0.0, -0.08],
        [-0.05, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.04, 0.0, 0.0, 0.0, -0.04],
        [-0.06, 0.0, 0.0, 0.05, 0.05],
    ]
)
"""What a channel's effects change in a year, counted from 2024-07-01."""
DRIFT_FROM = np.datetime64("2024-07-01", "D")
FIRST_MONTH = 9.0
"""How many times as much as later a newcomer looks around."""
COUNTED = np.array(
    [
        [0.30, 0.16, 0.34, 0.20],
        [0.36, 0.20, 0.34, 0.10],
        [0.43, 0.24, 0.29, 0.04],
        [0.20, 0.45, 0.25, 0.10],
        [0.50, 0.12, 0.35, 0.03],
    ]
)
"""Website visits, opened emails, viewed items and things put into the cart: shares by class."""
CLICKED = np.array([0.35, 0.28, 0.18, 0.42, 0.10])
"""Share of the opened emails in which something is clicked, by class."""
FULL_MONTH = 0.4
"""Share of customers who are exported when 30 days are over; the others earlier."""
