"""Makes orders.csv: three years of a small shop, the same on every run.

python data/make_orders.py
"""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

CUSTOMERS = 600
START = datetime(2023, 1, 1)
DAYS = 3 * 365
CHANNELS = {"web": 30, "shop": 45, "phone": 60}
"""Mean days between two orders, by the channel through which a customer came."""


def orders(seed=7):
    """One row per order: customers come at some day, order at their own pace, and one day stop."""
    random.seed(seed)
    rows = []
    for customer in range(1, CUSTOMERS + 1):
        channel = random.choices(list(CHANNELS), weights=[6, 3, 1])[0]
        pace = CHANNELS[channel] * random.lognormvariate(0, 0.4)
        day = random.uniform(0, DAYS - 120)
        left = day + random.expovariate(1 / (pace * 9))
        while day < min(left, DAYS):
            amount = round(random.lognormvariate(3.2, 0.6), 2)
            rows.append((START + timedelta(days=day, seconds=random.randrange(60)), customer, channel, amount))
            day += random.expovariate(1 / pace)
    rows.sort()
    return [
        (number, customer, f"{at:%Y-%m-%d %H:%M:%S}", channel, f"{amount:.2f}")
        for number, (at, customer, channel, amount) in enumerate(rows, 1)
    ]


def main():
    with Path(__file__).with_name("orders.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["order_id", "customer_id", "ordered_at", "channel", "amount"])
        writer.writerows(orders())


if __name__ == "__main__":
    main()
