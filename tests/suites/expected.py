"""Cases that differ under fil by their nature: they pass without it. Each with what comes of it under fil, and the reason."""

from cases import ABSENT

FAILED = "failure"

_EXPECTED = {
    # (suite, end of the case's name): (outcome under fil, reason)
    ("cpython", "SysModuleTest.test_debugmallocstats"): (
        FAILED,
        "Python reports on pymalloc only while nothing is hooked in front of it; the same with -X tracemalloc"
    ),
    ("cpython", "CmdLineTest.test_xdev"): (
        FAILED,
        "Python names its allocators only while nothing is hooked in front of them; the same with -X tracemalloc"
    ),
    ("cpython", "CmdLineTest.test_pythonmalloc"): (
        ABSENT,
        "Python names its allocators only while nothing is hooked in front of them; the same with -X tracemalloc"
    ),
    ("cpython", "POSIXProcessTestCase.test_pass_fds_redirected"): (
        FAILED,
        "a child must have no descriptors but its own; each recorded process also has the trace open, as number 500"
    ),
    ("cpython", "POSIXProcessTestCase.test_close_fds_when_max_fd_is_lowered"): (
        FAILED,
        "with a limit of 29 descriptors the recorder's own are the last below it, which the test takes for its own"
    ),
}


def expected_outcome(suite, case):
    """What comes of this case under fil, and why, or None."""
    for (of_suite, end_of_name), expected in _EXPECTED.items():
        if of_suite == suite and case.endswith(end_of_name):
            return expected
    return None
