"""Data frames: text in and out, groups, joins, reshaping, apply()."""

import io

import pandas as pd

rows = 600
frame = pd.DataFrame(
    {
        "key": ["k%d" % (number % 17) for number in range(rows)],
        "value": [number * 7 % 101 for number in range(rows)],
        "when": pd.date_range("2020-01-01", periods=rows, freq="h"),
    }
)
text = frame.to_csv(index=False)
again = pd.read_csv(io.StringIO(text), parse_dates=["when"])
groups = again.groupby("key")["value"].agg(["sum", "mean", "max"])
joined = again.merge(groups, left_on="key", right_index=True)
joined["twice"] = joined.apply(lambda row: row["value"] * 2 + row["max"], axis=1)
table = joined.pivot_table(index="key", values="twice", aggfunc=lambda values: values.sum())
daily = again.set_index("when")["value"].resample("D").sum()
print(int(table["twice"].sum()), int(daily.max()), len(again.sort_values(["key", "value"]).to_string()))
