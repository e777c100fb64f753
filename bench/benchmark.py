"""Measures what fil and its peers cost: `scripts/bench` sets up what it needs and calls it.

Each program is run by each profiler in turn, round after round, so that what disturbs the machine disturbs all of
them. The first round warms up and is not counted. All runs of a program must print the same. Results are written as
JSON after each program; tables are made of that by report.py.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import machine
from measurement import background_share, run
from profilers import profilers
from programs import programs
from report import markdown

BACKGROUND_THREAD = "fil-recorder"
PACKAGES = ("memray", "filprofiler", "numpy", "pandas", "scikit-learn", "polars", "pyarrow")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="scripts/bench")
    parser.add_argument("--fil", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--environment", required=True, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (5)")
    parser.add_argument("--programs", default="", metavar="NAMES", help="only those whose names contain one of these words")
    parser.add_argument("--profilers", default="", metavar="NAMES", help="only these, separated by commas (and python)")
    parser.add_argument("--no-analysis", action="store_true", help="do not measure what answers take")
    parser.add_argument("--output", type=Path, default=Path("benchmark.json"), help="where the results go (benchmark.json)")
    return parser.parse_args()


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="fil-bench-") as folder:
        results = benchmark(options, Path(folder))
    print(markdown(results))


def benchmark(options, folder):
    native_library = folder / "native_threads.so"
    source = Path(__file__).parent / "programs" / "native_threads.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-pthread", "-o", native_library, source], check=True)
    words, names = options.programs.split(), [name for name in options.profilers.split(",") if name]
    described = machine(options.fil, options.environment, PACKAGES)
    results = {"schema": "fil.benchmark/1", "machine": described, "rounds": options.rounds, "programs": []}
    chosen = [one for one in profilers(options.fil, options.environment) if not names or one.name in ("python", *names)]
    for program in programs(native_library):
        if words and not any(word in program.name for word in words):
            continue
        results["programs"].append(measure(program, chosen, options, folder))
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    if not results["programs"]:
        raise SystemExit(f"bench: no program has a name like {options.programs}")
    return results


def measure(program, chosen, options, folder):
    """All that is known of one program, as JSON."""
    runs = {profiler.name: [] for profiler in chosen}
    rounds = options.rounds * program.rounds
    for number in range(rounds + 1):
        for profiler in chosen:
            say(f"{program.name}: {profiler.name}, round {number} of {rounds}")
            measured = run((*profiler.prefix, *program.arguments), folder / profiler.name, profiler.trace)
            if number > 0:
                runs[profiler.name].append(measured)
    result = {
        "name": program.name,
        "what": program.what,
        "target": program.target,
        "pure_python": program.pure_python,
        "runs": {name: [one.to_json() for one in measured] for name, measured in runs.items()},
        "analyses": {},
    }
    check_outputs(program, runs)
    for profiler in chosen:
        if profiler.name == "fil":
            result["event_count"] = event_count(options.fil, folder / profiler.name)
            command = (*profiler.prefix, *program.arguments)
            result["background_share"] = background_share(command, folder / "background", BACKGROUND_THREAD)
        if not options.no_analysis:
            for name, command in profiler.analyses:
                say(f"{program.name}: {profiler.name} {name}")
                result["analyses"][f"{profiler.name} {name}"] = analysis_s(command, folder / profiler.name)
    return result


def check_outputs(program, runs):
    """Whoever runs it, a program does the same. (Fil prints what is its own on the program's standard output.)"""
    expected = runs["python"][0].output
    for name, measured in runs.items():
        for one in measured:
            if not one.output.startswith(expected):
                raise SystemExit(f"{program.name} printed {one.output!r} under {name}, and {expected!r} without")


def event_count(fil, folder):
    command = [fil, "analyze", "trace.fil", "--peak", "--json"]
    answer = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(answer.stdout)["event_count"]


def analysis_s(command, folder):
    """The faster of two runs: what a user waits for the second question."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"{command} ended with {ended.returncode}:\n{ended.stderr}")
        times.append(time.perf_counter() - started)
    return min(times)


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
