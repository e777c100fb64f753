"""Tables of what pyperformance's benchmarks took, as Markdown.

`python3 pyperformance_report.py pyperformance.json` makes them of a file.
"""

import json
import sys
from statistics import geometric_mean, median

from report import machine_lines, spread
from table import header, row
from targets import Target

# pyperformance has more; these many at least are to be run under fil and both of memray's modes.
LEAST_BENCHMARKS = 25
GREATEST_MEAN = 1.20
GREATEST_SLOWDOWN = 2.5


def markdown(results):
    parts = ("\n".join(part(results)) for part in (machine_lines, targets_table, summary, benchmarks_table))
    return "\n\n".join(part for part in parts if part)


def targets_table(results):
    """What fil is to achieve, and whether it did."""
    if "fil" in profilers(results):
        yield from header("target", "wanted", "measured", "")
        for target in targets(results):
            yield target.to_row()


def targets(results):
    names = profilers(results)
    by_all = [one["name"] for one in results["benchmarks"] if all(has_ended(one, name) for name in names)]
    what = f"benchmarks run under {', '.join(names)}"
    yield Target(what, f"{LEAST_BENCHMARKS} or more", f"{len(by_all)}", len(by_all) >= LEAST_BENCHMARKS)
    failed = [one["name"] for one in results["benchmarks"] if has_ended(one, "python") and not has_ended(one, "fil")]
    yield Target("benchmarks that fail under fil", "0", f"{len(failed)} {' '.join(failed)}".strip(), not failed)
    medians = medians_of(results, "fil")
    if medians:
        mean = geometric_mean(medians.values())
        yield Target("geometric mean", f"{GREATEST_MEAN:.2f} or less", f"{mean:.3f}", mean <= GREATEST_MEAN)
        worst = max(medians, key=medians.get)
        measured = f"{medians[worst]:.2f} ({worst})"
        is_met = medians[worst] <= GREATEST_SLOWDOWN
        yield Target("worst slowdown", f"{GREATEST_SLOWDOWN} or less", measured, is_met)


def benchmarks_table(results):
    """Time for the work as a multiple of Python's own in the same round: the median, and the least and the greatest."""
    names = profilers(results)
    yield from header("benchmark", "without, ms", *names, "events of fil's")
    for benchmark in results["benchmarks"]:
        found = slowdowns(benchmark)
        cells = (spread(found[name]) if name in found else "failed" for name in names)
        events = f"{median(benchmark['event_counts']):,.0f}" if benchmark["event_counts"] else ""
        plain = f"{median(benchmark['seconds']['python']) * 1e3:.3g}" if has_ended(benchmark, "python") else "failed"
        yield row(benchmark["name"], plain, *cells, events)


def summary(results):
    """Geometric mean and worst of the medians, of all benchmarks that a profiler could run in all rounds.

    Beside it the mean of those that all could run.
    """
    names = profilers(results)
    by_all = [one["name"] for one in results["benchmarks"] if set(slowdowns(one)) == set(names)]
    yield from header("pyperformance", "benchmarks", "geometric mean", "of the same benchmarks", "worst")
    for name in names:
        medians = medians_of(results, name)
        if not medians:
            yield row(name, 0, "", "", "")
            continue
        worst = max(medians, key=medians.get)
        common = f"{geometric_mean([medians[one] for one in by_all]):.3f} of {len(by_all)}" if by_all else ""
        yield row(name, len(medians), f"{geometric_mean(medians.values()):.3f}", common, f"{medians[worst]:.2f} ({worst})")


def profilers(results):
    return [name for name in results["benchmarks"][0]["seconds"] if name != "python"]


def medians_of(results, name):
    """The median of a profiler's slowdowns, of each benchmark that it could run."""
    found = {one["name"]: slowdowns(one) for one in results["benchmarks"]}
    return {benchmark: median(of_profilers[name]) for benchmark, of_profilers in found.items() if name in of_profilers}


def slowdowns(benchmark):
    """Of each round, by profiler, of those that ran to their end in all rounds. None of them if Python itself did not."""
    seconds = benchmark["seconds"]
    names = [name for name in seconds if name != "python" and has_ended(benchmark, name) and has_ended(benchmark, "python")]
    return {name: [one / plain for one, plain in zip(seconds[name], seconds["python"])] for name in names}


def has_ended(benchmark, name):
    """Whether this profiler ran it to its end, in all rounds."""
    return None not in benchmark["seconds"][name]


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(markdown(json.load(file)))
