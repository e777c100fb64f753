"""What came of each test case, read from the JUnit XML that regrtest and pytest write.

A case that ran more than once under one name (a parametrized or generated one, or one with failed
subtests) has all its outcomes, sorted. Where regrtest loses the name of a case whose subtests failed, the
case is absent. Addresses in names are masked: they differ with every run.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict

_NOT_PASSED = ("failure", "error", "skipped")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")

ABSENT = "absent"


def read_cases(xml_path):
    """Name of each case -> its outcome, like "passed" or "failure"; None if there is no whole XML.

    That is so when the interpreter that runs the tests crashes or is killed.
    """
    try:
        document = ElementTree.parse(xml_path)
    except (FileNotFoundError, ElementTree.ParseError):
        return None
    outcomes = defaultdict(list)
    for case in document.iter("testcase"):
        outcomes[_name(case)].append(_outcome(case))
    return {name: "+".join(sorted(set(all_of_it))) for name, all_of_it in outcomes.items() if name}


def _name(case):
    parts = (case.get("classname"), case.get("name"))
    return _ADDRESS.sub("0x…", "::".join(part for part in parts if part))


def _outcome(case):
    children = {child.tag for child in case}
    return "+".join(tag for tag in _NOT_PASSED if tag in children) or "passed"
