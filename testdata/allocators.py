"""Holds objects at known lines, whichever allocator Python uses, and prints what they take as JSON: bytes by
the variable that is set in their line. With testdata/allocator_hooks.c, as a library, for an argument it does so
behind hooks of its own.
"""

import ctypes
import gc
import json
import sys

# A collection at another moment would hand back other memory. This program makes no cycles.
gc.disable()

raw_malloc = ctypes.pythonapi.PyMem_RawMalloc
raw_malloc.argtypes, raw_malloc.restype = [ctypes.c_size_t], None
RAW_BYTES = 3_000_017
raw_malloc(1)


def size(things):
    return sys.getsizeof(things) + sum(map(sys.getsizeof, things))


hooks = ctypes.CDLL(sys.argv[1]) if sys.argv[1:] else None
if hooks:
    hooks.install()

# A line that sets a variable for the first time may make the table of variables larger.
globals().update(dict.fromkeys(["large", "small", "medium", "grown", "appended", "raw"]))
# Python keeps freed lists and uses them again, which is no allocation: they are all taken out here.
DRAINED = [[] for _ in range(200)]

large = [bytes(1000) for _ in range(1000)]
small = [str(number) * 3 for number in range(20_000)]
medium = ["x" * number for number in range(430, 530)]
grown = list(large)
appended = grown.append(None)
raw = raw_malloc(RAW_BYTES)

print(json.dumps({
    "large": size(large),
    "small": size(small),
    "medium": size(medium),
    "grown": sys.getsizeof([]),
    "appended": sys.getsizeof(grown) - sys.getsizeof([]),
    "raw": RAW_BYTES,
}))
if hooks:
    assert hooks.uninstall() > 20_000, "they were called"
