"""Builds and drops lists of strings, dicts and objects, with the peak at one definite line.

    python lists.py                 runs, and says nothing
    python lists.py tracemalloc     runs under tracemalloc and prints, as JSON, the bytes of each line of
                                    this file at the peak

Two tools can be asked for the same moment: the allocation of `ballast` makes the total greater than
it ever was, and nothing is allocated between it and the end of everything.
"""

import gc
import json
import sys
import tracemalloc

TRACEMALLOC = sys.argv[1:] == ["tracemalloc"]

# A collection at another moment would hand back other memory. This program makes no cycles.
gc.disable()


class Animal:
    def __init__(self, name, legs):
        self.name = name
        self.legs = legs


class Slotted:
    __slots__ = ("name", "friends")

    def __init__(self, name):
        self.name = name
        self.friends = [name, name, name]


def build_strings(count):
    strings = []
    for number in range(count):
        strings.append("string number %d" % number)
    return strings


def build_dicts(count):
    return [
        {"number": number, "text": "x" * (number % 50)}
        for number in range(count)
    ]


def build_objects(count):
    animals = []
    for number in range(count):
        animal = Animal("animal" + str(number), number)
        animals.append(animal)
    return animals


def build_slotted(strings):
    slotted = {}
    for string in strings:
        slotted[string] = Slotted(string)
    return slotted


def drop_half(things):
    del things[::2]


def main():
    # Built and dropped before the peak.
    passing = build_strings(150_000)
    passing.clear()

    strings = build_strings(100_000)
    drop_half(strings)
    dicts = build_dicts(30_000)
    # Kept, for a list that is freed here would be used again by another line, see below.
    some_strings = strings[:20_000]
    slotted = build_slotted(some_strings)
    objects = build_objects(40_000)

    ballast = bytearray(32 << 20)
    if TRACEMALLOC:
        print_snapshot(tracemalloc.take_snapshot())
    del ballast, objects, slotted, some_strings, dicts, strings

    # And less of it again.
    build_strings(1000)


def print_snapshot(snapshot):
    lines = {}
    for statistic in snapshot.statistics("lineno"):
        frame = statistic.traceback[0]
        if frame.filename == __file__:
            lines[frame.lineno] = {"bytes": statistic.size, "blocks": statistic.count}
    json.dump(lines, sys.stdout)


# CPython keeps up to 80 freed lists and dicts and uses them again. tracemalloc tells such a block at the line
# that uses it again, if it saw it being allocated, and not at all if not; fil tells it at the line that
# allocated it, from which it was never given back. So they are all taken out here, and main() above frees no
# list or dict before its peak: what it holds is newly allocated.
DRAINED = [[], [], []]
for number in range(200):
    DRAINED[0].append([])
    DRAINED[1].append({"key": None})
    DRAINED[2].append(number + 1_000_000)
# From 3.14 on it keeps up to 100 freed ints. How many it has here is not the same each time, so all of them are there:
# those belong to this line for fil, and tracemalloc does not know them.
DRAINED[2].clear()

if TRACEMALLOC:
    tracemalloc.start(1)
main()
