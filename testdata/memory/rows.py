"""What the programs beside this one share: C functions to call, and the table of what each of their functions holds.

A function that is marked with @holds(bytes, blocks) is a row: when the memory of the program is at its peak, its lines hold
just that. With pages=N they hold that many whole pages and less than another, which the objects of Python take that stand
for them. Addresses are kept in an array that is there from the start, so that no row keeps an object of its own.
"""
import ctypes
import inspect
import json
import sys

size, pointer, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
kept = (pointer * 200)()
free_places = iter(range(200))
table = []


def function(library, name, *arguments, result=pointer):
    called = getattr(library, name)
    called.argtypes, called.restype = arguments, result
    return called


libc = ctypes.CDLL(None)
malloc = function(libc, "malloc", size)
free = function(libc, "free", pointer, result=None)


def keep(address):
    assert address is not None
    kept[next(free_places)] = address


def holds(live_bytes=None, live_blocks=None, pages=None):
    def register(row):
        table.append((row, live_bytes, live_blocks, pages))
        return row
    return register


def lines_of(row):
    """The first and the last line of a function."""
    lines, first = inspect.getsourcelines(row)
    return [first, first + len(lines) - 1]


def fill_free_lists():
    """Python keeps dead numbers and tuples to use them again, and the line that made one would go on holding it."""
    numbers = [(1 << 40) + n for n in range(200)]
    tuples = [tuple([None] * n) for n in range(1, 20) for _ in range(20)]
    del numbers, tuples
    # Up to 3.10 a function keeps the frame of its first call, which belongs to the caller's line.
    keep(malloc(1))


def run(more=dict, ballast=500_000_000):
    """Runs the rows that the arguments name, or all, and prints what is to be expected.

    The ballast makes the end of the program its peak, if no row needed more on its way than was freed after it.
    """
    fill_free_lists()
    rows = [row for row in table if len(sys.argv) == 1 or row[0].__name__ in sys.argv]
    for row, *_ in rows:
        row()
    expected = [[row.__name__, *held, lines_of(row)] for row, *held in rows]
    print(json.dumps({"rows": expected, **more()}))
    keep(malloc(ballast))
