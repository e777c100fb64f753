"""Measures what fil and its peers cost: `scripts/bench` sets up what it needs and calls it.

Each program is run by each profiler in turn, round after round, so that what disturbs the machine disturbs all of
them, and in another order each time, so that nobody always comes after the same one. The first round warms up and is not
counted. All runs of a program must print the same, and fil must have recorded all of it. Results are written as JSON
after each program; tables are made of that by report.py.
"""

import itertools
import json
import subprocess
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median, median_low

from arguments import add_runs, chosen_profilers, has_word, parser
from events import recorded_events
from inside import look_inside
from machine import machine
from measurement import run
from profilers import profilers
from programs import programs
from progress import say
from report import markdown

PACKAGES = ("memray", "filprofiler", "numpy", "pandas", "scikit-learn", "polars", "pyarrow")
# Runs in which fil is looked into.
LOOKS = 3
# An answer is asked for so often, or as often as fits into this time.
ANSWERS = 3
ANSWERS_S = 10


def parse_arguments():
    arguments = parser(__doc__, "scripts/bench")
    add_runs(arguments, "benchmark.json")
    arguments.add_argument("--no-analysis", action="store_true", help="do not measure what answers take")
    return arguments.parse_args()


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="fil-bench-") as folder:
        results = benchmark(options, Path(folder))
    tables = markdown(results)
    options.output.with_suffix(".md").write_text(tables + "\n")
    print(tables)


def benchmark(options, folder):
    native_library = folder / "native_threads.so"
    source = Path(__file__).parent / "programs" / "native_threads.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-pthread", "-o", native_library, source], check=True)
    chosen = [one for one in programs(native_library) if has_word(one.name, options.programs)]
    if not chosen:
        raise SystemExit(f"bench: no program has a name like {options.programs}")
    known = {one.name: one for one in profilers(options.fil, options.environment)}
    wanted = [known[name] for name in chosen_profilers(options.profilers, list(known))]
    described = machine(options.fil, options.environment, PACKAGES)
    results = {"schema": "fil.benchmark/2", "machine": described, "rounds": options.rounds, "programs": []}
    # Programs of one kind are compared with each other, so these take turns as well.
    for _, kind in itertools.groupby(chosen, key=lambda program: program.name.split()[0]):
        with tempfile.TemporaryDirectory(dir=folder) as traces:
            results["programs"] += measure(list(kind), wanted, options, Path(traces))
        options.output.write_text(json.dumps(results, indent=1) + "\n")
    return results


def measure(kind, chosen, options, folder):
    """All that is known of these programs, as JSON."""
    rounds = options.rounds * kind[0].rounds
    runs = {program.name: {profiler.name: [] for profiler in chosen} for program in kind}
    for number in range(rounds + 1):
        order = Random(number).sample(chosen, len(chosen))
        for program, profiler in itertools.product(kind, order):
            say(f"{program.name}: {profiler.name}, round {number} of {rounds}")
            command = (*profiler.prefix, *program.arguments)
            runs[program.name][profiler.name].append(run(command, folder / program.name / profiler.name, profiler.trace))
    return [result(program, runs[program.name], chosen, options, folder / program.name) for program in kind]


def result(program, runs, chosen, options, folder):
    """All that is known of a program that was run. The first round does not count."""
    check_outputs(program, runs)
    measured = {
        "name": program.name,
        "what": program.what,
        "target": program.target,
        "pure_python": program.pure_python,
        "runs": {name: [one.to_json() for one in of_profiler[1:]] for name, of_profiler in runs.items()},
        "analyses": {},
    }
    for profiler in chosen:
        for name, command in () if options.no_analysis else profiler.analyses:
            say(f"{program.name}: {profiler.name} {name}")
            measured["analyses"][f"{profiler.name} {name}"] = answer_s(command, folder / profiler.name)
        if profiler.name == "fil":
            measured["event_count"] = median_low([events_of(one, program) for one in runs["fil"]])
            command = (*profiler.prefix, *program.arguments)
            looks = [look_inside(command, folder / "inside") for _ in range(LOOKS)]
            measured["inside"] = [look.to_json() for look in looks]
    return measured


def events_of(run_of_fil, program):
    """Events that fil recorded, of all that the program did."""
    events = recorded_events(run_of_fil.messages)
    if not events:
        raise SystemExit(f"{program.name} was not recorded as a whole:\n{run_of_fil.messages}")
    return events


def check_outputs(program, runs):
    """Whoever runs it, a program does the same. (Fil prints what is its own on the program's standard output.)"""
    expected = runs["python"][0].output
    for name, measured in runs.items():
        for one in measured:
            if not (one.output.startswith(expected) if name == "Fil" else one.output == expected):
                raise SystemExit(f"{program.name} printed {one.output!r} under {name}, and {expected!r} without")


def answer_s(command, folder):
    """The median of what a user waits for an answer."""
    times = []
    while not times or len(times) < ANSWERS and sum(times) + max(times) < ANSWERS_S:
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"{command} ended with {ended.returncode}:\n{ended.stderr}")
        times.append(time.perf_counter() - started)
    return median(times)


if __name__ == "__main__":
    main()
