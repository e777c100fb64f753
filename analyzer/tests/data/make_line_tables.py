"""Writes what this Python says of the lines of tricky functions, for `src/line_table/golden.rs`.

    for python in 3.9 3.10 3.11 3.12 3.13; do
        python$python analyzer/tests/data/make_line_tables.py > analyzer/tests/data/line_tables_$python.txt
    done

One block per code object: a line with its name, the format of its table, its first line and the
table in hex; then one line per run of code units (two bytes each) with the same location: their
number, and line, end line, column and end column, or `-` where Python knows none.
"""

import dis
import itertools
import sys

SOURCE = '''
import functools

@functools.lru_cache(
    maxsize=None,
)
def decorated(a, b=[1,
                    2]):
    """Text."""
    return (a +
            b[0] * 2
            - len("é" * 3))

class Body(
    object,
):
    attribute = [x * 2
                 for x in range(10)
                 if x]
    @property
    def name(self):
        return f"{self.attribute!r}"

def tries(n):
    try:
        with open(n) as f, \\
             open(n) as g:
            return {k: v
                    for k, v in zip(f, g)}
    except (ValueError,
            OSError) as error:
        raise RuntimeError(n) from error
    finally:
        for i in range(n):
            if i % 2: continue
            else:
                while True: break
    x = lambda: (yield)

async def waits(xs):
    async for x in xs:
        await x
    return [y async for y in xs]

def backwards(a):
    assert a, (
        "a",
        a(
            1,
        ),
    )
    return a(
        a(1)(
            2
        ), *a,
        **{"k":
           a}
    )

def wide(a):
    return [                                                                                                                  a(1), a(22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222)]

LONG = [
ENTRIES
]
'''.replace("ENTRIES", "\n".join("    %d, len('x' * %d)," % (i, i) for i in range(400)))

# Lines far from the first line, and beyond 16 bits.
FAR = "\n" * 70000 + "def far(a):\n    a(1)\n" + "\n" * 300 + "    a(2)\n" + "\n" * 66000 + "    return a(3)\n"


def code_objects(code):
    yield code
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from code_objects(constant)


def locations(code):
    """Line, end line, column and end column of every code unit."""
    units = len(code.co_code) // 2
    if sys.version_info >= (3, 11):
        return list(code.co_positions())
    if sys.version_info >= (3, 10):
        lines = [None] * units
        for start, end, line in code.co_lines():
            lines[start // 2:end // 2] = [line] * (end // 2 - start // 2)
    else:
        starts = dict(dis.findlinestarts(code))
        lines, line = [], code.co_firstlineno
        for unit in range(units):
            line = starts.get(2 * unit, line)
            lines.append(line)
    return [(line, None, None, None) for line in lines]


def main():
    table_format = "locations" if sys.version_info >= (3, 11) else (
        "line_ranges" if sys.version_info >= (3, 10) else "lnotab")
    for source in (SOURCE, FAR):
        for code in code_objects(compile(source, "tricky.py", "exec")):
            table = code.co_lnotab if table_format == "lnotab" else code.co_linetable
            print("code", code.co_name.replace(" ", "_"), table_format, code.co_firstlineno, table.hex() or "-")
            for location, units in itertools.groupby(locations(code)):
                texts = ["-" if number is None else str(number) for number in location]
                print(len(list(units)), *texts)


main()
