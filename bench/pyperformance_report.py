"""Tables of what pyperformance's benchmarks took, as Markdown.

`python3 pyperformance_report.py pyperformance.json` makes them of a file.
"""

import json
import sys
from statistics import geometric_mean, median

from report import header, machine_lines, row, spread

TARGET_MEAN = 1.20
TARGET_WORST = 2.5


def markdown(results):
    return "\n\n".join("\n".join(part(results)) for part in (machine_lines, table, summary))


def table(results):
    """Time for the work as a multiple of Python's own in the same round: the median, and the least and the greatest."""
    names = [name for name in results["benchmarks"][0]["seconds"] if name != "python"]
    yield from header("benchmark", "without, ms", *names, "events of fil's")
    for benchmark in results["benchmarks"]:
        found = slowdowns(benchmark)
        cells = (spread(found[name]) if name in found else "failed" for name in names)
        events = f"{median(benchmark['event_counts']):,.0f}" if benchmark["event_counts"] else ""
        plain = f"{median(benchmark['seconds']['python']) * 1e3:.3g}" if has_ended(benchmark, "python") else "failed"
        yield row(benchmark["name"], plain, *cells, events)


def summary(results):
    """Geometric mean and worst of the medians, of all benchmarks that a profiler could run in all rounds.

    Beside it the mean of those that all could run. What fil cannot run is a failure of fil's.
    """
    found = {benchmark["name"]: slowdowns(benchmark) for benchmark in results["benchmarks"]}
    names = [name for name in results["benchmarks"][0]["seconds"] if name != "python"]
    by_all = [name for name, of_benchmark in found.items() if len(of_benchmark) == len(names)]
    yield from header("pyperformance", "benchmarks", "geometric mean", "of the same benchmarks", "worst")
    for name in names:
        medians = {one: median(of_benchmark[name]) for one, of_benchmark in found.items() if name in of_benchmark}
        if not medians:
            continue
        worst = max(medians, key=medians.get)
        common = f"{geometric_mean([medians[one] for one in by_all]):.3f} of {len(by_all)}" if by_all else ""
        mean_of_all = f"{geometric_mean(medians.values()):.3f}"
        yield row(name, len(medians), mean_of_all, common, f"{medians[worst]:.2f} ({worst})")
        if name == "fil":
            ran_all = all(has_ended(one, "fil") for one in results["benchmarks"] if has_ended(one, "python"))
            is_met = ran_all and geometric_mean(medians.values()) <= TARGET_MEAN and medians[worst] <= TARGET_WORST
            verdict = "met" if is_met else "**missed**"
            yield row("target for fil", "", f"{TARGET_MEAN:.2f}", "", f"{TARGET_WORST}: {verdict}")


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
