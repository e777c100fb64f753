"""pyperformance under fil and memray: a judge from outside. `scripts/bench pyperformance` sets up what it needs and calls it.

Each benchmark is run by pyperf, the runner that it comes with, which is told to start its workers with fil or memray:
an interpreter like any other. So the times are pyperf's own: those of the work, without start and end. How often the
work is repeated is found out once, without a profiler, and is then the same for all. The profilers take turns, round
after round, in another order each time; each run is one worker, which warms up once and gives the mean of three values.
What fil has recorded is looked at: a run of which nothing was recorded, or not all, has failed.
"""

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from statistics import mean

import pyperf
from arguments import add_runs, chosen_profilers, has_word, parser
from events import event_count
from machine import machine
from measurement import ENVIRONMENT, SAME_HASHES
from progress import say
from pyperformance_benchmarks import benchmarks
from pyperformance_report import markdown

PACKAGES = ("memray", "pyperformance", "pyperf")

# An interpreter that records. What stands in front of the script is for the interpreter.
FIL = """#!/bin/sh
exec {fil} record --output {trace} -- {python} "$@"
"""
MEMRAY = """#!/bin/sh
options=
while [ "${{1#-}}" != "$1" ]; do options="$options $1"; shift; done
exec {python} $options -m memray run --quiet --force --output {trace} {more} "$@"
"""


def parse_arguments():
    arguments = parser(__doc__, "scripts/bench pyperformance")
    add_runs(arguments, "pyperformance.json")
    return arguments.parse_args()


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="fil-bench-") as folder:
        results = run_all(options, Path(folder))
    tables = markdown(results)
    options.output.with_suffix(".md").write_text(tables + "\n")
    print(tables)


def run_all(options, folder):
    python = options.environment / "bin" / "python"
    interpreters = {"python": python, **profilers(options.fil, python, folder)}
    names = chosen_profilers(options.profilers, list(interpreters))
    chosen = [one for one in benchmarks() if has_word(one.name, options.programs)]
    if not chosen:
        raise SystemExit(f"bench: no benchmark has a name like {options.programs}")
    results = {
        "schema": "fil.pyperformance/3",
        "machine": machine(options.fil, options.environment, PACKAGES),
        "rounds": options.rounds,
        "benchmarks": [],
    }
    for benchmark in chosen:
        loops = calibrated_loops(benchmark, python, folder)
        values, events = {name: [] for name in names}, []
        for number in range(options.rounds):
            for name in Random(number).sample(names, len(names)):
                say(f"{benchmark.name}: {name}, round {number + 1} of {options.rounds}")
                (folder / "trace").unlink(missing_ok=True)
                value = loops and measured(benchmark, interpreters[name], folder, loops)
                if name == "fil":
                    events.append(event_count(options.fil, folder / "trace"))
                    value = value if events[-1] else None
                values[name].append(value)
        results["benchmarks"].append({"name": benchmark.name, "loops": loops, "seconds": values, "event_counts": events})
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    return results


def profilers(fil, python, folder):
    """Interpreters that record, by the profilers' names."""
    trace = shlex.quote(str(folder / "trace"))
    texts = {
        "fil": FIL.format(fil=shlex.quote(str(fil)), python=python, trace=trace),
        "memray": MEMRAY.format(python=python, trace=trace, more=""),
        "memray all": MEMRAY.format(python=python, trace=trace, more="--trace-python-allocators"),
    }
    found = {}
    for name, text in texts.items():
        found[name] = folder / name.replace(" ", "-")
        found[name].write_text(text)
        found[name].chmod(0o755)
    return found


def calibrated_loops(benchmark, python, folder):
    """How often pyperf repeats the work for one value, by its own measure. None if it cannot be run."""
    try:
        return run(benchmark, python, folder, ("--processes", "1", "--values", "1", "--min-time", "0.2")).get_loops()
    except Failed as failure:
        say(str(failure))
        return None


def measured(benchmark, interpreter, folder, loops):
    """The mean of a run's values in seconds, or None if it failed, as pickle does in pure Python under memray."""
    fixed = ("--processes", "1", "--loops", str(loops), "--warmups", "1", "--values", "3")
    try:
        return mean(run(benchmark, interpreter, folder, fixed).get_values())
    except Failed as failure:
        say(str(failure))
        return None


class Failed(Exception):
    """A benchmark did not run to its end."""


def run(benchmark, interpreter, folder, options):
    """Runs pyperf's runner, itself without a profiler, and returns what it has measured: of several things the first."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    command = (sys.executable, *benchmark.command, "--python", interpreter, "--output", result, "--quiet", *options)
    # Of what stands in the environment, pyperf hands its workers only what it is told to.
    command += ("--inherit-environ", ",".join(SAME_HASHES))
    streams = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
    ended = subprocess.run(command, cwd=folder, env=ENVIRONMENT, **streams)
    if ended.returncode != 0:
        raise Failed(f"{benchmark.name} under {interpreter} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return pyperf.BenchmarkSuite.load(str(result)).get_benchmarks()[0]


if __name__ == "__main__":
    main()
