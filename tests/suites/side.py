"""One side of the comparison: a module run one or more times, without fil or recorded by it."""

from collections import defaultdict

import job
from cases import ABSENT, read_cases

EXIT_CODE = "(exit code)"
CRASHED = "no results"


class Side:
    """The outcomes of each case of a module, one per run, and what the traces of the runs are like."""

    def __init__(self, options, suite, folder, with_fil):
        self.options, self.suite, self.folder, self.with_fil = options, suite, folder, with_fil
        self.outcomes = defaultdict(list)
        # Of the first run:
        self.cases, self.passed, self.seconds = 0, 0, 0.0
        # Of all runs:
        self.runs = 0
        self.notices, self.trace_bytes, self.analyzed = set(), 0, "-"

    def run(self, module):
        """Runs the module once more and adds to the outcomes."""
        name = f"{module.name}.{'with' if self.with_fil else 'without'}.{self.runs}"
        xml, trace = self.folder / f"{name}.xml", self.folder / f"{name}.fil"
        command = [self.options.python, *self.suite.arguments(module, xml)]
        environment = {}
        if self.with_fil:
            command = [self.options.fil, "record", "-o", trace, "--", *command]
            if self.options.verify_stacks:
                environment["FIL_VERIFY_STACKS"] = "1"
        ended = self._job(command, name, environment)
        self._add(ended.code, read_cases(xml))
        if self.runs == 1:
            self.seconds = ended.seconds
            self.cases = len(self.outcomes) - 1
            self.passed = sum(outcomes == ["passed"] for outcomes in self.outcomes.values())
        if self.with_fil:
            self._look_at_trace(trace, name, ended)

    def outcomes_of(self, case):
        """One outcome per run."""
        return self.outcomes.get(case) or [ABSENT] * self.runs

    def _add(self, code, cases):
        outcomes = {EXIT_CODE: str(code), **(cases or {})}
        if cases is None:
            outcomes[EXIT_CODE] += f", {CRASHED}"
        for case in outcomes.keys() | self.outcomes.keys():
            self.outcomes[case] = [*self.outcomes_of(case), outcomes.get(case, ABSENT)]
        self.runs += 1

    def _look_at_trace(self, trace, name, recorded):
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

    def _job(self, command, name, environment):
        limits = {"timeout_seconds": self.options.timeout, "memory_bytes": self.options.memory_gib << 30}
        return job.run(command, self.folder / name, environment, **limits)
