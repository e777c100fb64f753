#!/usr/bin/env python3
"""Runs a shipped test suite module by module, without fil and under `fil record`, and compares.

What is compared is the outcome of every test case and the exit code of every module. Cases that
differ are run again on both sides: one whose outcomes then meet is a flaky one and told as such.
The trace of every module must be readable. The exit code is 1 if anything differs without being
listed in expected.py.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import job
from cases import ABSENT, read_cases
from expected import expected_reason
from suites import SUITES

EXIT_CODE = "(exit code)"
CRASHED = "no results"
EXPECTED, FLAKY, DIFFERENT = "expected", "flaky", "DIFFERENT"


class Side:
    """One way of running a module: with fil or without."""

    def __init__(self, options, suite, folder, with_fil):
        self.options, self.suite, self.folder, self.with_fil = options, suite, folder, with_fil
        self.outcomes = defaultdict(list)
        self.runs, self.cases, self.passed, self.seconds = 0, 0, 0, 0.0
        self.notices, self.trace_bytes, self.analyzed = set(), 0, "-"

    def run(self, module):
        """Runs the module once more and adds to the outcomes."""
        name = f"{module}.{'with' if self.with_fil else 'without'}.{self.runs}"
        xml, trace = self.folder / f"{name}.xml", self.folder / f"{name}.fil"
        command = [self.options.python, *self.suite.arguments(module, xml)]
        environment = {}
        if self.with_fil:
            command = [self.options.fil, "record", "-o", trace, "--", *command]
            if self.options.verify_stacks:
                environment["FIL_VERIFY_STACKS"] = "1"
        ended = self._job(command, name, environment)
        self.add(ended.code, read_cases(xml))
        if self.runs == 1:
            self.seconds = ended.seconds
            self.cases = len(self.outcomes) - 1
            self.passed = sum(outcomes == ["passed"] for outcomes in self.outcomes.values())
        if self.with_fil:
            self.look_at_trace(trace, name, ended)

    def add(self, code, cases):
        """Takes in the outcomes of one run; a case that has none of an earlier run is absent now."""
        outcomes = {EXIT_CODE: str(code), **(cases or {})}
        if cases is None:
            outcomes[EXIT_CODE] += f", {CRASHED}"
        for case in outcomes.keys() | self.outcomes.keys():
            earlier = self.outcomes[case] or [ABSENT] * self.runs
            self.outcomes[case] = [*earlier, outcomes.get(case, ABSENT)]
        self.runs += 1

    def look_at_trace(self, trace, name, recorded):
        """The trace must be readable; what fil says of it is kept for the table."""
        if not trace.exists():
            self.analyzed = "no trace"
            return
        self.trace_bytes = max(self.trace_bytes, trace.stat().st_size)
        analyzed = self._job([self.options.fil, "analyze", trace, "--peak", "--json"], f"{name}.analyze", {})
        if self.analyzed in ("-", 0):
            self.analyzed = analyzed.code
        for line in recorded.error_lines + analyzed.error_lines:
            if line.startswith("fil: ") and ("warning" in line or "the call stack differs" in line):
                self.notices.add(line)
        # It spells out every stack: gigabytes, for some modules.
        (self.folder / f"{name}.analyze.stdout").unlink()
        if not self.options.keep:
            trace.unlink()

    def outcomes_of(self, case):
        return self.outcomes.get(case) or [ABSENT] * self.runs

    def _job(self, command, name, environment):
        limits = {"timeout_seconds": self.options.timeout, "memory_bytes": self.options.memory_gib << 30}
        return job.run(command, self.folder / name, environment, **limits)


def differing_cases(without, with_fil):
    """Names of the cases whose outcomes were not one and the same in all runs of both sides."""
    cases = sorted(without.outcomes.keys() | with_fil.outcomes.keys())
    return [case for case in cases if len({*without.outcomes_of(case), *with_fil.outcomes_of(case)}) > 1]


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
        f"{module:38} {without.cases:6} {without.passed:6} {with_fil.passed:6} {differences:5}"
        f" {without.seconds:8.1f} {with_fil.seconds:8.1f} {with_fil.trace_bytes / 2**20:9.1f} {with_fil.analyzed!s:>8}"
    )
    for case, (kind, reason) in cases.items():
        print(f"    {kind} {case}: without {counts(without, case)}; with {counts(with_fil, case)}{reason}")
    for notice in sorted(with_fil.notices):
        print(f"    {notice}")
    if without.cases == 0:
        print("    nothing to compare with: there are no results without fil")
    sys.stdout.flush()
    return differences == 0 and with_fil.analyzed == 0 and without.cases > 0


def verdicts(suite, without, with_fil):
    """What is to be said of each differing case: its kind and the reason if there is one."""
    cases = {case: verdict(suite, case, without, with_fil) for case in differing_cases(without, with_fil)}
    codes = {*without.outcomes_of(EXIT_CODE), *with_fil.outcomes_of(EXIT_CODE)}
    if len(cases) > 1 and codes <= {"0", suite.failed_code}:
        # The exit code says no more than the cases do, and some of those may be expected.
        cases.pop(EXIT_CODE, None)
    return cases


def verdict(suite, case, without, with_fil):
    """A case that came out in the same way at least once on both sides is flaky, not different."""
    reason = expected_reason(suite.name, case)
    if reason:
        return EXPECTED, f" ({reason})"
    flaky = set(without.outcomes_of(case)) & set(with_fil.outcomes_of(case))
    return (FLAKY if flaky else DIFFERENT), ""


def counts(side, case):
    outcomes = side.outcomes_of(case)
    return ", ".join(f"{outcomes.count(outcome)}× {outcome}" for outcome in sorted(set(outcomes)))


def has_module(python, module):
    """Whether this Python has the module; names of regrtest are relative to the package `test`."""
    full_name = module if "." in module else f"test.{module}"
    script = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({full_name!r}) is None)"
    return subprocess.run([python, "-c", script], check=False).returncode == 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="compare these instead of a selection")
    parser.add_argument("--fil", type=Path, required=True, help="the fil to record with")
    parser.add_argument("--python", type=Path, required=True, help="the interpreter whose suite is run")
    parser.add_argument("--suite", choices=SUITES, default="cpython", help="default: cpython")
    parser.add_argument("--selection", choices=("ci", "full"), default="ci", help="default: ci")
    parser.add_argument("--repeats", type=int, default=3, help="more runs of modules with differing cases (3)")
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
    suite = SUITES[options.suite]
    folder = options.keep.absolute() if options.keep else Path(tempfile.mkdtemp(prefix="fil-suites-"))
    folder.mkdir(parents=True, exist_ok=not options.keep)
    header = f"{'module':38} {'cases':>6} {'passed':>6} {'in fil':>6} {'diff.':>5}"
    print(f"{header} {'s':>8} {'s in fil':>8} {'trace MiB':>9} {'analyzed':>8}", flush=True)
    differing = []
    for module in options.modules or suite.selected(options.selection):
        if not has_module(options.python, module):
            print(f"{module:38} is not in this Python")
        elif not compare_module(options, suite, module, folder):
            differing.append(module)
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(differing)} modules differ: {' '.join(differing)}" if differing else "no module differs")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
