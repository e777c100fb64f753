"""Names and paths beyond ASCII, not in any encoding, and too long to store."""

import os
import runpy

from expect import allocate, finish


def größe():
    allocate("umlauts")


def 中文():
    allocate("Chinese")


class Straße:
    def 方法(self):
        allocate("qualified")


def ﬁne():
    allocate("normalized")


def run_file(path, label):
    """Runs a file of this name."""
    with open(path, "w") as file:
        file.write("allocate(%r)\n" % label)
    runpy.run_path(path, {"allocate": allocate})


def files():
    run_file("größe.py", "file with umlauts")
    run_file("中文.py", "Chinese file")
    run_file("📈 chart.py", "emoji in a file")
    # Latin-1, which is not UTF-8: Python keeps the byte as half a surrogate pair.
    run_file(os.fsdecode(b"caf\xe9.py"), "not UTF-8")
    # Latin-1 characters only, and beyond the basic plane, in memory of one and of four bytes a character.
    exec(compile("allocate('one byte')", "é.py", "exec"), {"allocate": allocate})
    exec(compile("allocate('four bytes')", "\U0001f4c8\udce9.py", "exec"), {"allocate": allocate})
    exec(compile("allocate('odd characters')", "a\"\\\n\t\x7f;b.py", "exec"), {"allocate": allocate})


def long_names():
    for name, label in [("f" * 9000, "long name"), ("f" + "ä" * 5000, "long name beyond ASCII")]:
        scope = {"allocate": allocate}
        exec("def %s():\n    allocate(%r)\n%s()" % (name, label, name), scope)
    # Not longer than a name may be, but its qualified name is.
    depth = 60
    lines = ["%sdef %s():" % (" " * level, "n%d" % level + "n" * 200) for level in range(depth)]
    body = ["%sallocate('long qualified name')" % (" " * depth)]
    calls = ["%s%s()" % (" " * level, "n%d" % level + "n" * 200) for level in reversed(range(depth))]
    exec("\n".join(lines + body + calls), scope)


größe()
中文()
Straße().方法()
ﬁne()
files()
long_names()
finish()
