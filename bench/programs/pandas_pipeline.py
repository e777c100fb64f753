"""pandas: read, group, merge, pivot, sort."""

import io

import numpy as np
import pandas as pd

ROWS = 200_000


def make_csv():
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "customer": random.integers(0, 5_000, ROWS),
            "product": random.integers(0, 200, ROWS),
            "day": random.integers(0, 365, ROWS),
            "amount": random.random(ROWS).round(3),
            "city": random.choice(["Aachen", "Berlin", "Cairo", "Delhi", "Edinburgh"], ROWS),
        }
    )
    return frame.to_csv(index=False)


def process(text):
    sales = pd.read_csv(io.StringIO(text))
    sales["date"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(sales["day"], unit="D")
    customers = pd.DataFrame({"customer": range(5_000), "group": [f"group {number % 17}" for number in range(5_000)]})
    joined = sales.merge(customers, on="customer")
    by_group = joined.groupby(["group", "city"])["amount"].agg(["sum", "mean", "count"]).reset_index()
    table = joined.pivot_table(index="product", columns="city", values="amount", aggfunc="sum")
    top = joined.sort_values(["amount", "customer"], ascending=False).head(1_000)
    spread = joined.groupby("customer")["amount"].apply(lambda amounts: amounts.max() - amounts.min())
    return by_group["sum"].sum() + table.to_numpy().sum() + top["amount"].sum() + spread.sum()


text = make_csv()
print(f"{sum(process(text) for _ in range(3)):.3f}")
