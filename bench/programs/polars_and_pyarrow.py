"""polars and pyarrow: libraries with threads and allocators of their own."""

import io

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS = 1_500_000

frame = pl.DataFrame({"number": range(ROWS)}).with_columns(
    (pl.col("number") * 7919 % 10_007).alias("key"),
    (pl.col("number") % 1_000 / 7).alias("value"),
    pl.format("name {}", pl.col("number") % 5_003).alias("name"),
)
result = 0.0
for _ in range(2):
    grouped = frame.group_by("key").agg(pl.col("value").sum(), pl.col("name").n_unique().alias("names"))
    joined = frame.join(grouped, on="key").sort("value_right", "number").head(10_000)
    result += joined["value"].sum() + joined["names"].sum()

    table = pa.table({"key": pa.array(frame["key"].to_list()), "value": pa.array(frame["value"].to_list())})
    file = io.BytesIO()
    pq.write_table(table, file)
    again = pq.read_table(io.BytesIO(file.getvalue()))
    sums = again.group_by("key").aggregate([("value", "sum")]).sort_by("key")
    result += pc.sum(sums["value_sum"]).as_py()
print(f"{result:.3f}")
