"""Tables of a benchmark's results, as Markdown. `python3 report.py benchmark.json` makes them of a file."""

import json
import sys
from statistics import median


def markdown(results):
    tables = (machine_lines, slowdown_table, cost_table, totals, analysis_table)
    texts = ("\n".join(table(results)) for table in tables)
    return "\n\n".join(text for text in texts if text)


def machine_lines(results):
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield f"{machine['day']}: {machine['processor']}, {machine['processors']} processors,"
    yield f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}, Python {machine['python']},"
    yield f"{machine['fil']}, {packages}."
    yield f"Load when it began: {machine['load_average']:.2f}. Counted rounds: {results['rounds']}."


def slowdown_table(results):
    """Wall time as a multiple of Python's own in the same round: the median, and the least and the greatest. Beside it, for
    fil, the quotient of the least times of all rounds: what else runs on a machine only adds to a time."""
    names = profiler_names(results)
    yield from header("program", "without, s", *names, "fil, least times", "target", "")
    for program in results["programs"]:
        plain = [one["wall_s"] for one in program["runs"]["python"]]
        cells = [spread(slowdowns(program, name)) for name in names]
        target = program["target"]
        recorded = [one["wall_s"] for one in program["runs"].get("fil", ())]
        least = f"{min(recorded) / min(plain):.2f}" if recorded else ""
        yield row(program["name"], f"{median(plain):.2f}", *cells, least, target or "", verdict(program))


def cost_table(results):
    """What recording adds, and what it leaves."""
    names = profiler_names(results)
    columns = [f"{name}: {what}" for name in names for what in ("wall s", "user s", "MiB")]
    yield from header("added to", *columns, "fil: trace MiB", "events", "bytes per event", "background")
    for program in results["programs"]:
        cells = []
        for name in names:
            for key, unit in (("wall_s", 1), ("user_s", 1), ("resident_bytes", 2**20)):
                cells.append(f"{added(program, name, key) / unit:.3g}")
        events = program.get("event_count", 0)
        trace = median([one["trace_bytes"] for one in program["runs"]["fil"]]) if "fil" in program["runs"] else 0
        per_event = f"{trace / events:.2f}" if events else ""
        background = f"{program.get('background_share', 0):.1%}"
        yield row(program["name"], *cells, f"{trace / 2**20:.2f}", f"{events:,}", per_event, background)


def totals(results):
    """What the targets are about that are not of single programs."""
    programs = [program for program in results["programs"] if program.get("event_count")]
    pure = [program for program in programs if program["pure_python"]]
    for what, chosen in (("the programs of pure Python", pure), ("all programs", programs)):
        if chosen:
            traces = sum(median([one["trace_bytes"] for one in program["runs"]["fil"]]) for program in chosen)
            events = sum(program["event_count"] for program in chosen)
            times = [processor_s(program) for program in chosen]
            background = sum(time * program["background_share"] for time, program in zip(times, chosen))
            yield f"Over {what}: {traces / events:.2f} bytes per event, background {background / sum(times):.1%}.  "
    costs = {program["name"]: added(program, "fil", "wall_s") / program["event_count"] for program in programs}
    for deep in ("recursion 200", "recursion 900"):
        if deep in costs and "recursion 10" in costs:
            yield f"An event of {deep} costs {costs[deep] / costs['recursion 10']:.2f} times one of recursion 10.  "


def processor_s(program):
    """Median of a run's processor time under fil."""
    return median([one["user_s"] + one["system_s"] for one in program["runs"]["fil"]])


def analysis_table(results):
    """Seconds until an answer."""
    names = list(dict.fromkeys(name for program in results["programs"] for name in program["analyses"]))
    if not names:
        return
    yield from header("answers of", *names, "fil --peak: M events per s")
    for program in results["programs"]:
        analyses = program["analyses"]
        rate = program.get("event_count", 0) / analyses["fil --peak"] / 1e6 if "fil --peak" in analyses else 0
        yield row(program["name"], *(f"{analyses[name]:.2f}" if name in analyses else "" for name in names), f"{rate:.1f}")

def profiler_names(results):
    return [name for name in results["programs"][0]["runs"] if name != "python"]


def slowdowns(program, name):
    """Of each round."""
    return [
        one["wall_s"] / plain["wall_s"] for one, plain in zip(program["runs"][name], program["runs"]["python"])
    ]


def added(program, name, key):
    """Median over the rounds of what a profiler adds."""
    return median([one[key] - plain[key] for one, plain in zip(program["runs"][name], program["runs"]["python"])])


def verdict(program):
    """How fil stands: to its target, to memray's default mode, and to a third of Fil's added time."""
    if "fil" not in program["runs"]:
        return ""
    missed = []
    if program["target"] and median(slowdowns(program, "fil")) > program["target"]:
        missed.append("target")
    ours = added(program, "fil", "wall_s")
    if "memray" in program["runs"] and ours >= added(program, "memray", "wall_s"):
        missed.append("memray")
    if "Fil" in program["runs"] and ours * 3 >= added(program, "Fil", "wall_s"):
        missed.append("Fil")
    return "missed: " + ", ".join(missed) if missed else "met"


def spread(values):
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def header(*cells):
    return row(*cells), row("---", *["---:"] * (len(cells) - 1))


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(markdown(json.load(file)))
