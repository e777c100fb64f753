"""Cases that differ under fil by their nature, each with its reason. They pass without fil and fail with it."""

_EXPECTED = {
    # (suite, end of the case's name): reason
    ("cpython", "SysModuleTest.test_debugmallocstats"): (
        "Python reports on pymalloc only while nothing is hooked in front of it; the same with -X tracemalloc"
    ),
    ("cpython", "CmdLineTest.test_xdev"): (
        "Python names its allocators only while nothing is hooked in front of them; the same with -X tracemalloc"
    ),
    ("cpython", "CmdLineTest.test_pythonmalloc"): (
        "Python names its allocators only while nothing is hooked in front of them; the same with -X tracemalloc"
    ),
    ("cpython", "POSIXProcessTestCase.test_pass_fds_redirected"): (
        "a child must have no descriptors but its own; each recorded process also has the trace open, as number 500"
    ),
    ("cpython", "POSIXProcessTestCase.test_close_fds_when_max_fd_is_lowered"): (
        "with a limit of 29 descriptors the recorder's own are the last below it, which the test takes for its own"
    ),
}


def expected_reason(suite, case):
    """Why this case may differ, or None."""
    for (of_suite, end_of_name), reason in _EXPECTED.items():
        if of_suite == suite and case.endswith(end_of_name):
            return reason
    return None
