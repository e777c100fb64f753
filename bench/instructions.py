"""Instructions of the recorder in the job's own threads, per event and by part: `scripts/bench instructions` sets up what
it needs and calls it. Unlike times they are nearly the same again and again: the recorder looks at the clock after pauses,
which are a matter of time.

Callgrind counts each instruction, and addr2line tells the functions that it comes from, also those that were inlined.
An instruction belongs to the innermost of them that is fil's own code, and so to a file, and that to a part. What the
recorder calls in the C library is not among its own.
"""

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from arguments import has_word, parser
from events import event_count
from measurement import ENVIRONMENT, make_new
from programs import FOLDER
from progress import say
from table import header, row

RUNS = {
    "records": ("records.py", "10000"),
    "json": ("json_both_ways.py", "20"),
    "10 calls deep": ("recursion.py", "10", "40000"),
    "200 calls deep": ("recursion.py", "200", "40000"),
    "import pandas": ("import_pandas.py",),
    "calls": ("calls.py", "32"),
}

# By the file. The first that fits counts.
PYTHON = r"recorder/src/python/"
PARTS = (
    ("hook", r"recorder/src/(hooks/|record\.rs|real\.rs)"),
    ("guard and thread-local access", r"recorder/src/(guard|thread_words|errno|cancellation|jump_buffer)\.rs"),
    ("turn and time stamp", r"recorder/src/(turn|turn_word|clock)\.rs"),
    ("thread state", PYTHON + r"(thread_states|attached_place)\.rs"),
    ("frame check", PYTHON + r"(last_frame|frames|position|marker|layout)\.rs"),
    ("call stack: what has changed", r"recorder/src/(python/|intern_table|definitions)"),
    ("encode", r"format/src/"),
    ("publish", r"recorder/src/(spool|last_free|thread_recorder|threads|session|doorbell|lock|background)\.rs"),
    ("others", r""),
)
OWN_CODE = re.compile(r"(recorder|format)/src/")
BACKGROUND = "recorder::background::run"


def parse_arguments():
    arguments = parser(__doc__, "scripts/bench instructions")
    arguments.add_argument("--python", type=Path, help="the interpreter (that of the benchmark)")
    arguments.add_argument("--functions", type=int, default=0, help="so many functions of each program as well")
    return arguments.parse_args()


def main():
    options = parse_arguments()
    python = options.python or options.environment / "bin" / "python"
    runs = {name: arguments for name, arguments in RUNS.items() if has_word(name, options.programs)}
    if not runs:
        raise SystemExit(f"bench: no program has a name like {options.programs}")
    counted = {name: count(options.fil, python, arguments) for name, arguments in runs.items()}
    print("\n".join(table(counted)))
    for name, one in counted.items():
        for function, instructions in one.functions.most_common(options.functions):
            print(f"{name}: {instructions / one.events:7.2f} {function}")


@dataclass(frozen=True)
class Counts:
    """Of the job's own threads, and not the recorder's."""

    events: int
    functions: Counter
    """Instructions of the recorder."""
    parts: Counter
    """The same."""
    of_plain: float
    """All instructions, as a multiple of those without fil."""


def table(counted):
    yield from header("instructions per event", *(f"{name} ({one.events:,} events)" for name, one in counted.items()))
    for part, _ in PARTS:
        yield row(part, *(f"{one.parts[part] / one.events:.1f}" for one in counted.values()))
    yield row("**all**", *(f"**{one.parts.total() / one.events:.1f}**" for one in counted.values()))
    yield row("all of the job's, of those without fil", *(f"{one.of_plain:.4f}" for one in counted.values()))


def count(fil, python, arguments):
    """Runs a program twice, without fil and recorded."""
    program, *arguments = arguments
    say(f"counting the instructions of {program} {' '.join(arguments)}")
    job = (python, FOLDER / program, *arguments)
    with tempfile.TemporaryDirectory(prefix="fil-bench-") as folder:
        folder = Path(folder)
        plain = sum(all_instructions(file) for file in run_in_callgrind((), job, folder / "plain"))
        # The library is there as long as it records.
        keep_library = ("sh", "-c", 'cp "$LD_PRELOAD" recorder.so && exec "$@"', "sh")
        recording = (fil, "record", "--output", "trace.fil", "--", *keep_library)
        threads = {file: recorder_costs(file) for file in run_in_callgrind(recording, job, folder / "recorded")}
        own = {file: costs for file, costs in threads.items() if not any(BACKGROUND in function for _, function in costs)}
        functions, addresses = Counter(), Counter()
        for costs in own.values():
            for (address, function), instructions in costs.items():
                functions[function] += instructions
                addresses[address] += instructions
        parts = by_part(addresses, folder / "recorded" / "recorder.so")
        events = event_count(fil, folder / "recorded" / "trace.fil")
        return Counts(events, functions, parts, sum(all_instructions(file) for file in own) / plain)


def run_in_callgrind(before, job, folder):
    """Runs a job with callgrind, and all of that with what stands before it. Returns callgrind's files, one of each thread."""
    make_new(folder)
    callgrind = ("valgrind", "--tool=callgrind", "--dump-instr=yes", "--separate-threads=yes", "--compress-pos=no")
    callgrind += ("--compress-strings=no", "--callgrind-out-file=callgrind.%p")
    command = (*before, *callgrind, *job)
    ended = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"{command} ended with {ended.returncode}:\n{ended.stderr}")
    return list(folder.glob("callgrind.*-*"))


def all_instructions(file):
    """Of one thread."""
    with open(file, encoding="utf-8", errors="replace") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("totals:"))


def recorder_costs(file):
    """Of one thread: instructions by address and function, of those in the recorder."""
    costs = Counter()
    library = function = ""
    is_call = False
    with open(file, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("ob="):
                library = line[3:].strip()
            elif line.startswith("fn="):
                function = line[3:].strip()
            elif line.startswith("calls="):
                # What follows is the cost of what is called.
                is_call = True
            elif line.startswith("0x"):
                address, _, *instructions = line.split()
                if not is_call and "recorder" in Path(library).name and instructions:
                    costs[int(address, 16), function] += int(instructions[0])
                is_call = False
    return costs


def by_part(addresses, library):
    """Instructions by part."""
    asked = "".join(f"{address:#x}\n" for address in addresses)
    command = ["addr2line", "--addresses", "--inlines", "--exe", library]
    answer = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True)
    places, address = {}, None
    for line in answer.stdout.splitlines():
        if line.startswith("0x"):
            address = int(line, 16)
        elif address not in places and OWN_CODE.search(line):
            places[address] = line
    parts = Counter()
    for address, instructions in addresses.items():
        place = places.get(address, "")
        parts[next(part for part, files in PARTS if re.search(files, place))] += instructions
    return parts


if __name__ == "__main__":
    main()
