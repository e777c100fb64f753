"""Large memory that moves: were it counted twice on the way, that moment would be the peak. One row at a time."""
import ctypes

from rows import function, holds, keep, libc, malloc, number, pointer, run, size

realloc = function(libc, "realloc", pointer, size)
mmap = function(libc, "mmap", pointer, size, number, number, number, ctypes.c_long)
mremap = function(libc, "mremap", pointer, size, size, number, pointer)
NONE, READ_WRITE, PRIVATE, FIXED, ANONYMOUS = 0, 3, 0x02, 0x10, 0x20
MAYMOVE, MREMAP_FIXED = 1, 2
MIB = 1 << 20


@holds(600_000_001, 1)
def block():
    keep(realloc(malloc(600_000_000), 600_000_001))


@holds(600 * MIB, 1)
def mapping():
    start = mmap(None, 600 * MIB, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    place = mmap(None, 600 * MIB, NONE, PRIVATE | ANONYMOUS, -1, 0)
    assert mremap(start, 600 * MIB, 600 * MIB, MAYMOVE | MREMAP_FIXED, place) == place


@holds(600 * MIB, 1)
def replaced():
    start = mmap(None, 600 * MIB, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mmap(start, 600 * MIB, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == start


run(ballast=1_000_000)
