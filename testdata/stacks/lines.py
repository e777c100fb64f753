"""Line numbers and columns that do not fit into 16 bits, and line tables of hundreds of KiB."""

import importlib
import sys

from expect import allocate, finish

LINES = 70_000


def write(name, source):
    with open(name + ".py", "w") as file:
        file.write("from expect import allocate\n" + source)
    importlib.import_module(name).f()


def behind_many_lines():
    write("far", "\n" * LINES + "def f():\n    allocate('behind many lines')\n")


def long_function():
    """A function of more than 65 535 lines, each of which is code."""
    body = "    x = x + 1\n" * LINES
    write("long", "def f():\n    x = 0\n" + body + "    allocate('at the end of a long function')\n    return x\n")


def jumps():
    """Lines far apart in one function, forth and back."""
    gap = "\n" * (LINES // 2)
    source = "def f():\n    for label in ['in a jump']:\n" + gap + "        allocate(label)\n" + gap
    write("jumping", source + "    allocate('behind two jumps')\n")


def wide_expressions():
    """Expressions over many lines, and behind many columns."""
    tall = "    (\n" + "\n" * LINES + "     allocate('in a tall expression'))\n"
    wide = "    x = 0" + " " * LINES + "; allocate('behind many columns')\n"
    accented = "    'äöü中文📈'; allocate('behind wide characters')\n"
    write("wide", "def f():\n" + tall + wide + accented)


def many_lines_up():
    """The place of a call is behind that of its arguments."""
    arguments = ",\n".join("        %d" % number for number in range(300))
    write("upwards", "def f():\n    call(\n" + arguments + ")\n\ndef call(*_):\n    allocate('called over many lines')\n")


sys.path.insert(0, "")
behind_many_lines()
long_function()
jumps()
wide_expressions()
many_lines_up()
finish()
