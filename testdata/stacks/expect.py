"""Blocks of known size, and what Python itself says of the call stack that allocates each.

A program calls allocate(LABEL) wherever a stack is to be checked, and finish() at its end. That makes its end the
peak, and writes `expected.json` into the working directory: for each block its label, its bytes, and the frames of
the callers of allocate(), outermost first, as sys._getframe() knows them. tests/stacks/ compares with what fil says.
"""

import itertools
import json
import re
import sys

# Enough that nothing before finish() can be the peak.
BALLAST_BYTES = 256 << 20

# What fil stores of a name (MAX_NAME_BYTES of the format).
NAME_BYTES = 8192

FILL = b"\0"
NUMBERS = itertools.count()
BLOCKS = []
EXPECTED = []


def allocate(label="", walk=None):
    # Sizes differ, so that two stacks that were mixed up do not go unnoticed.
    size = 64 + next(NUMBERS) % 4096
    block = FILL * size
    keep(label, block, (walk or frames)(sys._getframe(1)))


def keep(label, block, stack):
    BLOCKS.append(block)
    EXPECTED.append((label, sys.getsizeof(block), stack))


def frames(frame):
    found = []
    while frame is not None:
        code = frame.f_code
        name = getattr(code, "co_qualname", code.co_name)
        line = frame.f_lineno
        columns = (None, None, None)
        if hasattr(code, "co_positions"):
            instruction = max(frame.f_lasti, 0) // 2
            _, end_line, column, end_column = next(itertools.islice(code.co_positions(), instruction, None))
            columns = (column, end_line, end_column)
        found.append((stored(name), stored(code.co_filename), line or code.co_firstlineno, *columns))
        frame = frame.f_back
    found.reverse()
    return found


def stored(name):
    """The text that a trace keeps of a name: valid, and not too long."""
    valid = re.sub("[\ud800-\udfff]", "\ufffd", name)
    return valid.encode()[:NAME_BYTES].decode(errors="ignore")


def finish():
    ballast = FILL * BALLAST_BYTES
    del ballast
    keys = ("function", "file", "line", "column", "end_line", "end_column")
    with open("expected.json", "w") as file:
        json.dump(
            [
                {"label": label, "bytes": bytes_, "frames": [dict(zip(keys, frame)) for frame in stack]}
                for label, bytes_, stack in EXPECTED
            ],
            file,
        )
