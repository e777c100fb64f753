"""Instructions of the recorder in the job's own threads, per event and by part: `scripts/bench instructions` sets up what
it needs and calls it. Unlike times they are the same again and again.

Callgrind counts each instruction, and addr2line tells the functions that it comes from, also those that were inlined.
An instruction belongs to the innermost of them that is fil's own code, and so to a file, and that to a part.
"""

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from events import event_count
from measurement import ENVIRONMENT
from programs import FOLDER
from progress import say
from report import header, row

RUNS = {
    "records": ("records.py", "10000"),
    "json": ("json_both_ways.py", "20"),
    "10 calls deep": ("recursion.py", "10", "40000"),
    "200 calls deep": ("recursion.py", "200", "40000"),
    "import pandas": ("import_pandas.py",),
}

# By the file. The first that fits counts.
PYTHON = r"recorder/src/python/"
PARTS = (
    ("hook", r"recorder/src/(hooks/|record\.rs|real\.rs)"),
    ("guard and thread-local access", r"recorder/src/(guard|thread_words|errno|cancellation|jump_buffer)\.rs"),
    ("turn and time stamp", r"recorder/src/(turn|clock)\.rs"),
    ("thread state", PYTHON + r"(thread_states|attached_place)\.rs"),
    ("frame check", PYTHON + r"(last_frame|frames|position|marker|layout)\.rs"),
    ("call stack: what has changed", r"recorder/src/(python/|intern_table|definitions)"),
    ("encode", r"format/src/"),
    ("publish", r"recorder/src/(spool|thread_recorder|threads|session|doorbell|lock|background)\.rs"),
    ("others", r""),
)
OWN_CODE = re.compile(r"(recorder|format)/src/")
BACKGROUND = "recorder::background::run"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="scripts/bench instructions")
    parser.add_argument("--fil", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--environment", required=True, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--python", type=Path, help="the interpreter (that of the benchmark)")
    parser.add_argument("--functions", type=int, default=0, help="so many functions of each program as well")
    parser.add_argument("--programs", default="", metavar="NAMES", help="only those whose names contain one of these words")
    return parser.parse_args()


def main():
    options = parse_arguments()
    python = options.python or options.environment / "bin" / "python"
    words = options.programs.split()
    runs = {name: arguments for name, arguments in RUNS.items() if not words or any(word in name for word in words)}
    counted = {name: count(options.fil, python, arguments) for name, arguments in runs.items()}
    print("\n".join(table(counted)))
    for name, (events, functions, _) in counted.items():
        for function, instructions in functions.most_common(options.functions):
            print(f"{name}: {instructions / events:7.2f} {function}")


def table(counted):
    yield from header("instructions per event", *(f"{name} ({events:,} events)" for name, (events, _, _) in counted.items()))
    for part, _ in PARTS:
        yield row(part, *(f"{parts[part] / events:.1f}" for events, _, parts in counted.values()))
    yield row("**all**", *(f"**{parts.total() / events:.1f}**" for events, _, parts in counted.values()))


def count(fil, python, arguments):
    """Events, and instructions of the job's threads by function and by part."""
    program, *arguments = arguments
    with tempfile.TemporaryDirectory(prefix="fil-bench-") as folder:
        folder = Path(folder)
        callgrind = ("valgrind", "--tool=callgrind", "--dump-instr=yes", "--separate-threads=yes", "--compress-pos=no")
        callgrind += ("--compress-strings=no", f"--callgrind-out-file={folder}/callgrind.%p")
        # The library is there as long as it records.
        keep_library = ("sh", "-c", 'cp "$LD_PRELOAD" recorder.so && exec "$@"', "sh")
        job = (*keep_library, *callgrind, python, FOLDER / program, *arguments)
        command = (fil, "record", "--output", folder / "trace.fil", "--", *job)
        say(f"counting the instructions of {program} {' '.join(arguments)}")
        ended = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)
        if ended.returncode != 0:
            raise SystemExit(f"{command} ended with {ended.returncode}:\n{ended.stderr}")
        functions, addresses = Counter(), Counter()
        for file in folder.glob("callgrind.*-*"):
            thread = recorder_costs(file)
            if any(BACKGROUND in function for _, function in thread):
                continue
            for (address, function), instructions in thread.items():
                functions[function] += instructions
                addresses[address] += instructions
        return event_count(fil, folder / "trace.fil"), functions, by_part(addresses, folder / "recorder.so")


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
