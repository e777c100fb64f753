"""Works out answers about a recording the naive way: from a list of all allocations, with pandas, and compares.

In this folder are allocations.parquet, which is `SELECT a.*, s.function, s.file, s.line FROM allocations a JOIN stacks s ON
a.stack = s.stack`, and the answers of `fil analyze`: tables as Parquet, and what else they tell as JSON. Prints what was
compared, as JSON.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

SITE = ["function", "file", "line"]
NEVER = np.iinfo(np.int64).max


def read_allocations():
    rows = pd.read_parquet("allocations.parquet")
    rows["bytes"] = rows["bytes"].astype("int64")
    rows["born"] = (rows["allocated_s"] * 1e9).round().astype("int64")
    rows["order"] = rows["allocated_order"].astype("int64")
    rows["is_freed"] = rows["freed_s"].notna()
    # Behind everything, if it was never freed.
    rows["died"] = (rows["freed_s"] * 1e9).round().fillna(-1).astype("int64").where(rows["is_freed"], NEVER)
    rows["behind"] = rows["freed_order"].fillna(-1).astype("int64").where(rows["is_freed"], NEVER)
    return rows


class Sweep:
    """What is alive after every event. A free comes behind the last allocation before it."""

    def __init__(self, rows):
        freed = rows[rows["is_freed"]]
        order = np.concatenate([rows["order"], freed["behind"]])
        times = np.concatenate([rows["born"], freed["died"]])
        is_free = np.concatenate([np.zeros(len(rows), int), np.ones(len(freed), int)])
        # Of frees behind the same allocation the time decides: a join does not keep the order of rows.
        sorted_ = np.lexsort([times, is_free, order])
        self.levels = np.concatenate([rows["bytes"], -freed["bytes"]])[sorted_].cumsum()
        self.times = np.maximum.accumulate(times[sorted_])
        self.order = order[sorted_]
        highest = int(self.levels.argmax()) if len(rows) else None
        self.peak_bytes = int(self.levels[highest]) if len(rows) else 0
        self.peak_ns = int(self.times[highest]) if len(rows) else 0
        self.peak_order = int(self.order[highest]) if len(rows) else 0

    def alive_at_peak(self, rows):
        return rows[(rows["order"] <= self.peak_order) & (rows["behind"] >= self.peak_order)]

    def buckets(self, ends):
        """Bytes at the end of each, and the most in it."""
        bucket = np.minimum(np.searchsorted(ends, self.times, side="left"), len(ends) - 1)
        result, level = [], 0
        for at in range(len(ends)):
            levels = self.levels[bucket == at]
            most = max(level, int(levels.max())) if len(levels) else level
            level = int(levels[-1]) if len(levels) else level
            result.append((level, most))
        return result


@cache
def answer(name):
    return json.loads(Path(f"{name}.json").read_text())


def by(rows, columns, value="bytes"):
    """Sums of bytes by group; groups without any are left out, as in answers."""
    return {key: int(sum_) for key, sum_ in rows.groupby(columns)[value].sum().items()}


def told(name, fields, number):
    rows = pd.read_parquet(f"{name}.parquet")
    rows = rows[rows[number].notna()]
    keys = zip(*(rows[field] for field in fields)) if len(fields) > 1 else rows[fields[0]]
    return dict(zip(keys, (int(value) for value in rows[number])))


def same(what, expected, measured):
    # Nothing has no mean.
    expected = {key: value for key, value in expected.items() if value and value == value}
    measured = {key: value for key, value in measured.items() if value}
    differ = {key for key in expected.keys() | measured.keys() if expected.get(key) != measured.get(key)}
    assert not differ, f"{what}: {[(key, expected.get(key), measured.get(key)) for key in list(differ)[:5]]}"
    assert expected, f"{what}: there is nothing to compare"


rows = read_allocations()
# Mappings may go in pieces, which are rows of their own: what counts blocks is about the rest.
blocks = rows[rows["category"] != "mmap"]
sweep, block_sweep = Sweep(rows), Sweep(blocks)

peak = answer("peak")
assert (peak["peak_bytes"], peak["peak_time_ns"]) == (sweep.peak_bytes, sweep.peak_ns), "peak"
same("call sites of the peak", by(sweep.alive_at_peak(rows), SITE), told("peak", SITE, "live_bytes"))
same("threads of the peak", by(sweep.alive_at_peak(rows), ["process", "thread"]), told("peak-by-thread", ["process", "thread"], "live_bytes"))
same("kinds of the peak", by(sweep.alive_at_peak(rows), "category"), told("peak-by-category", ["category"], "live_bytes"))

same("churn", by(rows, SITE), told("churn", SITE, "allocated_bytes"))
same("churn by file", by(rows, "file"), {("" if file == "(no Python frame)" else file): number for file, number in told("churn-by-file", ["file"], "allocated_bytes").items()})
same("blocks", blocks.groupby(SITE).size().to_dict(), told("blocks", SITE, "allocated_blocks"))
# Leaks are what is there when the job ends: a helper process may outlive it, and free what it has.
for moment in ("leaks", "at"):
    ns = answer(moment)["time_ns"]
    same(moment, by(rows[(rows["born"] <= ns) & (rows["died"] > ns)], SITE), told(moment, SITE, "live_bytes"))

from_ns, to_ns = answer("range")["from_ns"], answer("range")["to_ns"]
allocated = rows[rows["born"].between(from_ns, to_ns)]
same("allocated in a time", by(allocated, SITE), told("range", SITE, "allocated_bytes"))
same("freed in a time", by(rows[rows["died"].between(from_ns, to_ns)], SITE), told("range", SITE, "freed_bytes"))
same("retained", by(allocated[allocated["died"] > to_ns], SITE), told("range", SITE, "retained_bytes"))
same("only of a time", by(allocated, SITE), told("churn-of-a-time", SITE, "allocated_bytes"))

freed = blocks[blocks["is_freed"]].assign(life=lambda rows: rows["died"] - rows["born"])
lives = freed.groupby(SITE)["life"]
same("mean lifetimes", (lives.sum() // lives.size()).to_dict(), told("lifetimes", SITE, "mean_lifetime_ns"))
same("longest lifetimes", lives.max().to_dict(), told("lifetimes", SITE, "longest_lifetime_ns"))
same("kept", by(blocks[~blocks["is_freed"]], SITE), told("lifetimes", SITE, "kept_bytes"))

at_peak = block_sweep.alive_at_peak(blocks)
weighed = at_peak.assign(age=at_peak["bytes"] * (block_sweep.peak_ns - at_peak["born"])).groupby(SITE)
same("ages at the peak", (weighed["age"].sum() // weighed["bytes"].sum()).to_dict(), told("peak-lifetimes", SITE, "age_ns"))
gone = at_peak[at_peak["is_freed"]]
weighed = gone.assign(delay=gone["bytes"] * (gone["died"] - block_sweep.peak_ns)).groupby(SITE)
same("freed behind the peak", (weighed["delay"].sum() // weighed["bytes"].sum()).to_dict(), told("peak-lifetimes", SITE, "freed_after_ns"))

for within in (1, 3):
    is_temporary = pd.Series(False, index=blocks.index)
    for _, thread in rows.groupby(["process", "thread"]):
        orders = np.unique(thread["order"])
        of_thread = thread[(thread["category"] != "mmap") & thread["is_freed"]]
        made = np.searchsorted(orders, of_thread["behind"], side="right") - np.searchsorted(orders, of_thread["order"])
        is_temporary[of_thread.index[made <= within]] = True
    same(f"temporary {within}", by(blocks[is_temporary], SITE), told(f"temporary-{within}", SITE, "temporary_bytes"))

classes = np.frexp(blocks["bytes"].astype("float64"))[1].where(blocks["bytes"] > 0, 0)
sizes = {row["from_bytes"]: row["allocated_blocks"] for row in answer("sizes")["sizes"]}
same("sizes", {(1 << int(digits) - 1 if digits else 0): number for digits, number in classes.value_counts().items()}, sizes)

timeline = answer("timeline")
ends = np.array([total["time_ns"] for total in timeline["totals"]])
totals = [(total["live_bytes"], total["max_live_bytes"]) for total in timeline["totals"]]
assert sweep.buckets(ends) == totals, "timeline"
assert [at["live_bytes"] for at in answer("overhead")["times"]] == [live for live, _ in totals], "overhead"
functions = rows.groupby(["function", "file"])
largest = functions["bytes"].sum().nlargest(8).index
for function, file in largest:
    row = [(row["live_bytes"], row["max_live_bytes"]) for row in timeline["rows"] if (row["function"], row["file"]) == (function, file)]
    assert Sweep(functions.get_group((function, file))).buckets(ends) == row, f"timeline of {function}"

without = answer("what-if")["without"]
assert without, "the peak without the best"
for one in without:
    is_it = (rows["function"] == one["function"]) & (rows["file"] == one["file"]) & (rows["line"] == one["line"])
    rest = Sweep(rows[~is_it])
    assert (rest.peak_bytes, rest.peak_ns) == (one["peak_bytes"], one["peak_time_ns"]), f"without {one}"

highest = answer("peaks")["peaks"][0]
assert (highest["live_bytes"], highest["time_ns"]) == (sweep.peak_bytes, sweep.peak_ns), "the highest of several peaks"

load = rows[(rows["function"] == "load") | rows["function"].str.endswith(".load") | rows["file"].str.endswith("/load")]
stacks = answer("stack")
assert stacks["allocated_bytes"] == load["bytes"].sum() > 0, "stacks of load"
assert stacks["live_bytes"] == sweep.alive_at_peak(load)["bytes"].sum(), "stacks of load at the peak"

print(json.dumps({"rows": len(rows), "call_sites": rows.groupby(SITE).ngroups, "threads": rows.groupby(["process", "thread"]).ngroups}))
