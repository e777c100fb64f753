"""Cases that differ under fil by their nature, each with its reason."""

_EXPECTED = {
    # (suite, end of the case's name): reason
}


def expected_reason(suite, module, case):
    """Why this case may differ, or None."""
    for (of_suite, end_of_name), reason in _EXPECTED.items():
        if of_suite == suite and case.endswith(end_of_name):
            return reason
    return None
