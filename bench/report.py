"""Tables of a benchmark's results, as Markdown. `python3 report.py benchmark.json` makes them of a file."""

import json
import sys
from statistics import median

from figures import added, median_of, profiler_names, slowdowns, tells_background, trace_bytes, user_share_of_background
from table import header, row
from targets import targets


def markdown(results):
    tables = (machine_lines, targets_table, programs_table, slowdown_table, cost_table, trace_table, analysis_table)
    texts = ("\n".join(table(results)) for table in tables)
    return "\n\n".join(text for text in texts if text)


def machine_lines(results):
    machine = results["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield f"{machine['day']}: {machine['processor']}, {machine['processors']} processors,"
    yield f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}, Python {machine['python']},"
    yield f"{machine['fil']} ({machine['commit']}), {packages}."
    yield f"Load when it began: {machine['load_average']:.2f}. Counted rounds: {results['rounds']}."


def targets_table(results):
    """Each target by itself, for fil."""
    found = list(targets(results))
    if found:
        yield from header("target", "wanted", "measured", "")
    for target in found:
        yield target.to_row()


def programs_table(results):
    """What was run."""
    yield from header("program", "what it does", "events that fil records")
    for program in results["programs"]:
        events = f"{program['event_count']:,}" if "event_count" in program else ""
        yield row(program["name"], program["what"], events)


def slowdown_table(results):
    """Wall time as a multiple of Python's own in the same round: the median, and the least and the greatest. Beside it, for
    fil, the quotient of the least times of all rounds: what else runs on a machine only adds to a time."""
    names = profiler_names(results)
    yield from header("slowdown", "without, s", *names, "fil, least times")
    for program in results["programs"]:
        plain = [one["wall_s"] for one in program["runs"]["python"]]
        cells = [spread(slowdowns(program, name)) for name in names]
        recorded = [one["wall_s"] for one in program["runs"].get("fil", ())]
        least = f"{min(recorded) / min(plain):.2f}" if recorded else ""
        yield row(program["name"], f"{median(plain):.2f}", *cells, least)


def cost_table(results):
    """What recording adds: medians over the rounds."""
    names = profiler_names(results)
    columns = [f"{name}: {what}" for name in names for what in ("wall s", "user s", "MiB")]
    yield from header("added to", *columns)
    for program in results["programs"]:
        cells = []
        for name in names:
            for key, unit in (("wall_s", 1), ("user_s", 1), ("resident_bytes", 2**20)):
                cells.append(f"{median(added(program, name, key)) / unit:.3g}")
        yield row(program["name"], *cells)


def trace_table(results):
    """What recording leaves, and what fil takes beside the job's own threads."""
    names = [name for name in profiler_names(results) if name != "Fil"]
    columns = [f"{name}: trace MiB" for name in names]
    yield from header("trace of", *columns, "fil: bytes per event", "background thread", "fil itself, MiB")
    for program in results["programs"]:
        traces = [f"{trace_bytes(program, name) / 2**20:.2f}" for name in names]
        if "event_count" not in program:
            yield row(program["name"], *traces, "", "", "")
            continue
        per_event = f"{trace_bytes(program, 'fil') / program['event_count']:.2f}"
        itself = median_of(program["inside"], "fil_resident_bytes") / 2**20
        share = f"{user_share_of_background([program]):.1%}" if tells_background(program) else "too short"
        yield row(program["name"], *traces, per_event, share, f"{itself:.1f}")


def analysis_table(results):
    """Seconds until an answer, and the million events per second of those that have seen all of fil's events."""
    names = list(dict.fromkeys(name for program in results["programs"] for name in program["analyses"]))
    if not names:
        return
    yield from header("answers of", *(f"{name}, s" for name in names))
    for program in results["programs"]:
        cells = []
        for name in names:
            seconds = program["analyses"].get(name)
            cells.append(f"{seconds:.2f}" if seconds else "")
            if seconds and name.startswith(("fil ", "memray all ")) and "event_count" in program:
                cells[-1] += f" ({program['event_count'] / seconds / 1e6:.2g} M/s)"
        yield row(program["name"], *cells)


def spread(values):
    """The median, and the least and the greatest if there are several."""
    return f"{median(values):.2f}" + (f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else "")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(markdown(json.load(file)))
