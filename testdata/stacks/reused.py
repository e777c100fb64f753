"""20 000 code objects, each made, run and dropped: their addresses are used again and again.

All are alike but for their names, so that nothing but the name tells one from the one before. Each allocates;
the blocks of every fifth are kept.
"""

from expect import allocate, finish

COUNT = 20_000
ADDRESSES = set()


def discard():
    return b"\0" * COUNT


def run(number):
    scope = {"allocate": discard if number % 5 else allocate}
    exec("def function_%d():\n    allocate()\n" % number, scope)
    function = scope["function_%d" % number]
    ADDRESSES.add(id(function.__code__))
    function()


for number in range(COUNT):
    run(number)
assert len(ADDRESSES) < COUNT / 2, len(ADDRESSES)
finish()
