#!/usr/bin/env python3
"""Runs a shipped test suite module by module, without fil and under `fil record`, and compares.

What is compared is the outcome of every test case and the exit code of every module. Cases that
differ are run again on both sides: one whose outcomes then meet is a flaky one and told as such.
The trace of every module must be readable. The exit code is 1 if anything differs without being
listed in expected.py.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from expected import expected_outcome
from module import find_module
from side import Side
from suites import HANGS, SUITES
from verdicts import DIFFERENT, EXPECTED, counts, verdicts


def compare_module(options, suite, module, folder):
    """Runs one module on both sides and prints its rows. Says whether it counts as the same."""
    without, with_fil = (Side(options, suite, folder, with_it) for with_it in (False, True))
    without.run(module)
    with_fil.run(module)
    if any(kind != EXPECTED for kind, _ in verdicts(suite, without, with_fil).values()):
        for _ in range(options.repeats):
            without.run(module)
            with_fil.run(module)
    cases = verdicts(suite, without, with_fil)
    differences = sum(kind == DIFFERENT for kind, _ in cases.values())
    print(
        f"{module.name:38} {without.cases:6} {without.passed:6} {with_fil.passed:6} {differences:5}"
        f" {without.seconds:8.1f} {with_fil.seconds:8.1f} {with_fil.trace_bytes / 2**20:9.1f} {with_fil.analyzed!s:>8}"
    )
    for case, (kind, reason) in cases.items():
        print(f"    {kind} {case}: without {counts(without, case)}; with {counts(with_fil, case)}{reason}")
    for case in sorted(with_fil.outcomes.keys() - cases.keys()):
        if expected_outcome(suite.name, case):
            print(f"    the same, though expected.py lists it: {case}")
    for notice in sorted(with_fil.notices):
        print(f"    {notice}")
    if without.cases == 0:
        print("    nothing to compare with: there are no results without fil")
    sys.stdout.flush()
    return differences == 0 and with_fil.analyzed == 0 and without.cases > 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="compare these instead of a selection")
    parser.add_argument("--fil", type=Path, required=True, help="the fil to record with")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter whose suite is run")
    parser.add_argument("--suite", choices=SUITES, default="cpython", help="default: cpython")
    parser.add_argument("--selection", choices=("ci", "full"), default="ci", help="default: ci")
    parser.add_argument("--repeats", type=int, default=2, help="more runs of modules with differing cases (2)")
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one run of a module (900)")
    parser.add_argument("--memory-gib", type=int, default=8, help="address space of each process (8)")
    parser.add_argument("--verify-stacks", action="store_true", help="check every call stack with Python's API")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep traces and output in this new folder")
    options = parser.parse_args()
    # Not resolved further: the interpreter of a virtual environment is a symbolic link.
    options.fil, options.python = options.fil.absolute(), options.python.absolute()
    return options


def main():
    options = parse_arguments()
    # An end in order, so that the running module is ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if options.keep:
        folder = options.keep.absolute()
        folder.mkdir(parents=True)
        return compare(options, folder)
    with tempfile.TemporaryDirectory(prefix="fil-suites-") as folder:
        return compare(options, Path(folder))


def python_version(python):
    """Such as "3.11"."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def compare(options, folder):
    """Compares the modules asked for; returns the exit code."""
    suite = SUITES[options.suite]
    header = f"{'module':38} {'cases':>6} {'passed':>6} {'in fil':>6} {'diff.':>5}"
    print(f"{header} {'s':>8} {'s in fil':>8} {'trace MiB':>9} {'analyzed':>8}", flush=True)
    differing = []
    hangs = HANGS.get(python_version(options.python), ())
    for name in options.modules or suite.selected(options.selection):
        module = find_module(options.python, suite.name, name)
        if module is None:
            print(f"{name:38} is not in this Python")
        elif name in hangs and not options.modules:
            print(f"{name:38} hangs in this Python without fil")
        elif not compare_module(options, suite, module, folder):
            differing.append(name)
    print(f"{len(differing)} modules differ: {' '.join(differing)}" if differing else "no module differs")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
