"""What is to be said of the cases that did not come out the same in all runs of both sides."""

from expected import expected_outcome
from side import EXIT_CODE

EXPECTED, FLAKY, DIFFERENT = "expected", "flaky", "DIFFERENT"


def verdicts(suite, without, with_fil):
    """Differing case -> its kind, and the reason if there is one."""
    cases = {case: _verdict(suite, case, without, with_fil) for case in _differing_cases(without, with_fil)}
    codes = {*without.outcomes_of(EXIT_CODE), *with_fil.outcomes_of(EXIT_CODE)}
    if len(cases) > 1 and codes <= {"0", suite.failed_code}:
        # The exit code says no more than the cases do, and some of those may be expected.
        cases.pop(EXIT_CODE, None)
    return cases


def counts(side, case):
    """The outcomes of all runs in words."""
    outcomes = side.outcomes_of(case)
    return ", ".join(f"{outcomes.count(outcome)}× {outcome}" for outcome in sorted(set(outcomes)))


def _differing_cases(without, with_fil):
    cases = sorted(without.outcomes.keys() | with_fil.outcomes.keys())
    return [case for case in cases if len({*without.outcomes_of(case), *with_fil.outcomes_of(case)}) > 1]


def _verdict(suite, case, without, with_fil):
    expected = expected_outcome(suite.name, case)
    if expected and set(without.outcomes_of(case)) == {"passed"} and set(with_fil.outcomes_of(case)) == {expected[0]}:
        return EXPECTED, f" ({expected[1]})"
    # What came out in the same way at least once on both sides is flaky, not different.
    same = set(without.outcomes_of(case)) & set(with_fil.outcomes_of(case))
    return (FLAKY if same else DIFFERENT), ""
