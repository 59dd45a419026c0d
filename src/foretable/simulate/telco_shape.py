"""How the telephone company's customers are distributed: shares rounded from IBM's Telco sample (7,043 customers).

Order of categories everywhere: contract month-to-month, one year, two years; internet DSL, fiber, none.
"""

from __future__ import annotations

import numpy as np

CONTRACTS = ("Month-to-month", "One year", "Two year")
INTERNET = ("DSL", "Fiber optic", "No")
PAYMENTS = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")
PROTECTION = ("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport")
STREAMING = ("StreamingTV", "StreamingMovies")

SENIOR = 0.162
PARTNER = np.array([0.479, 0.502])
"""By senior."""
DEPENDENTS = np.array([[0.115, 0.589], [0.014, 0.145]])
"""By senior and partner."""

PHONE_AND_INTERNET = np.array([0.0968, 0.1488, 0.0981, 0.1644, 0.2752, 0.1681, 0.0486])
"""Shares of (internet, phone, multiple lines) in the order of ``COMBINATIONS``."""
COMBINATIONS = np.array([(0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 1, 1), (2, 1, 0), (2, 1, 1)])

CONTRACT = np.array([[0.505, 0.236, 0.259], [0.687, 0.174, 0.139], [0.343, 0.239, 0.418]])
"""By internet."""
CONTRACT_TILT = np.array([[1.245, 0.844, 0.574], [0.738, 1.166, 1.455]])
"""Factors on the contract's share, by partner."""

ADDONS = np.array(
    [
        [[0.30, 0.30, 0.23, 0.28, 0.24, 0.25], [0.58, 0.49, 0.54, 0.57, 0.45, 0.45], [0.77, 0.69, 0.76, 0.82, 0.64, 0.66]],
        [[0.17, 0.33, 0.32, 0.16, 0.47, 0.47], [0.41, 0.64, 0.63, 0.42, 0.74, 0.75], [0.61, 0.72, 0.79, 0.72, 0.82, 0.82]],
        [[0.0] * 6] * 3,
    ]
)
"""By internet and contract, in the order of ``PROTECTION`` and ``STREAMING``."""
SAME_STREAMING = 0.4
"""Share of customers who take both kinds of streaming or neither."""
PAPERLESS = np.array([[0.59, 0.53, 0.49], [0.79, 0.74, 0.71], [0.33, 0.27, 0.27]])
"""By internet and contract."""
PAYMENT = np.array(
    [
        [[0.39, 0.30, 0.16, 0.15], [0.20, 0.24, 0.26, 0.30], [0.09, 0.17, 0.36, 0.38]],
        [[0.62, 0.09, 0.15, 0.14], [0.36, 0.07, 0.29, 0.28], [0.21, 0.05, 0.38, 0.36]],
        [[0.13, 0.63, 0.12, 0.12], [0.10, 0.45, 0.24, 0.21], [0.03, 0.39, 0.28, 0.30]],
    ]
)
"""By internet and contract, in the order of ``PAYMENTS``."""

MONTHS_SINCE_START = np.array(
    [
        [
            [0.5, 2, 5, 8, 12, 18, 24, 30, 40, 51, 72],
            [2, 17, 26, 31, 37, 43, 49, 54, 59, 66, 72],
            [6, 36, 50, 57, 63, 66, 69, 71, 72, 72, 72],
        ],
        [
            [0.5, 7, 16, 23, 30, 37, 45, 52, 59, 65, 72],
            [5, 31, 42, 50, 53, 58, 62, 65, 68, 71, 72],
            [15, 52, 61, 65, 68, 70, 71, 72, 72, 72, 72],
        ],
        [[0.5, 1, 1, 3, 4, 7, 10, 15, 20, 28, 60], [1, 7, 13, 17, 23, 26, 33, 41, 49, 56, 72], [2, 16, 28, 40, 47, 54, 60, 65, 69, 72, 72]],
    ]
)
"""Deciles (0 % to 100 %) of the months between joining and the day of the file, by internet and contract:
the censoring distribution, as the reverse Kaplan-Meier estimator gives it."""
JUST_JOINED = np.array([0.0, 0.0007, 0.006])
"""Share by contract with no complete month yet: their total charges are blank."""
LAST_MONTH = 72

# Logits of the monthly hazard: a discrete-time survival model of the real file, rounded.
BASE = -3.42
BY_CONTRACT = np.array([0.0, -2.98, -3.03])
BY_INTERNET = np.array([0.0, 0.25, -1.29])
BY_PAYMENT = np.array([0.66, 0.72, 0.0, 0.0])
BY_PROTECTION = np.array([-0.66, -0.68, -0.38, -0.48])
PAPERLESS_EFFECT, SENIOR_EFFECT, PARTNER_EFFECT, LINES_EFFECT, PHONE_EFFECT = 0.20, 0.25, -0.56, -0.46, 0.27
LOG_MONTH, FIRST_MONTH, PER_YEAR_AFTER_24, PER_YEAR_AFTER_60 = -0.25, 1.05, 0.30, 0.45
PER_YEAR_BY_CONTRACT = np.array([0.0, 0.44, 0.10])
"""Long contracts bind less with every year."""

# Monthly charge in dollars: phone 20, second line 5, DSL 25, fiber 50, each protection 5, each streaming 10.
PHONE_PRICE, LINES_PRICE, PROTECTION_PRICE, STREAMING_PRICE = 20.0, 5.0, 5.0, 10.0
INTERNET_PRICE = np.array([25.0, 50.0, 0.0])
PRICE_NOISE = 1.0
