"""Memory mapped in all ways. Pages are 4 KiB; `at` keeps addresses for the rows that come later."""
import ctypes
import os
import tempfile
from mmap import MADV_DONTNEED
from mmap import mmap as PythonMmap

from rows import function, holds, keep, libc, number, pointer, run, size

PAGE = 4096
NONE, READ, READ_WRITE = 0, 1, 3
SHARED, PRIVATE, FIXED, ANONYMOUS, NORESERVE, FIXED_NOREPLACE = 0x01, 0x02, 0x10, 0x20, 0x4000, 0x100000
MAYMOVE, MREMAP_FIXED, DONTUNMAP = 1, 2, 4
FAILED = 2**64 - 1
GIB = 1 << 30

mmap = function(libc, "mmap", pointer, size, number, number, number, ctypes.c_long)
mmap64 = function(libc, "mmap64", pointer, size, number, number, number, ctypes.c_long)
munmap = function(libc, "munmap", pointer, size, result=number)
mprotect = function(libc, "mprotect", pointer, size, number, result=number)
pkey_mprotect = function(libc, "pkey_mprotect", pointer, size, number, number, result=number)
mremap = function(libc, "mremap", pointer, size, size, number, pointer)
madvise = function(libc, "madvise", pointer, size, number, result=number)

at = (pointer * 50)()
file = tempfile.TemporaryFile()
file.truncate(1000 * PAGE)
memory_file = os.memfd_create("test")
os.truncate(memory_file, 1000 * PAGE)
dev_zero = os.open("/dev/zero", os.O_RDWR)
# What the answer must show apart from the peak, and as shared memory.
apart = (ctypes.c_uint64 * 3)()
FILES, RESERVED, SHARED_MEMORY = range(3)


@holds(10_002_432, 1)
def anonymous():
    keep(mmap(None, 10_002_432, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0))


@holds(3 * PAGE, 1)
def counts_whole_pages():
    keep(mmap(None, 2 * PAGE + 1, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0))


@holds(PAGE, 1)
def by_mmap64():
    keep(mmap64(None, PAGE, READ, PRIVATE | ANONYMOUS, -1, 0))


@holds(5 * GIB, 1)
def above_4_gib():
    keep(mmap(None, 5 * GIB, READ_WRITE, PRIVATE | ANONYMOUS | NORESERVE, -1, 0))


@holds(0, 0)
def unmapped():
    assert munmap(mmap(None, 100 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0), 100 * PAGE) == 0


@holds(0, 0)
def failed():
    assert mmap(None, 0, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0) == FAILED
    assert mmap(None, PAGE, READ_WRITE, PRIVATE, -1, 0) == FAILED


@holds(6 * PAGE, 2)
def unmapped_in_part():
    start = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert munmap(start + 2 * PAGE, 4 * PAGE) == 0


@holds(4 * PAGE)
def unmapping_that_fails():
    start = mmap(None, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert munmap(start + 1, PAGE) == -1
    assert munmap(start, 0) == -1


@holds(4 * PAGE, 2)
def one_unmapping_of_parts_of_two():
    start = mmap(None, 8 * PAGE, NONE, PRIVATE | ANONYMOUS, -1, 0)
    assert mmap(start, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == start
    assert mmap(start + 4 * PAGE, 4 * PAGE, READ, PRIVATE | ANONYMOUS | FIXED, -1, 0) == start + 4 * PAGE
    assert munmap(start + 2 * PAGE, 4 * PAGE) == 0


@holds(7 * PAGE, 2)
def older():
    at[0] = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)


@holds(3 * PAGE, 1)
def fixed_over_the_older():
    assert mmap(at[0] + PAGE, 3 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == at[0] + PAGE


@holds(8 * PAGE, 1)
def reservation_over_memory():
    start = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mmap(start, 2 * PAGE, NONE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == start
    apart[RESERVED] += 2 * PAGE


@holds(8 * PAGE, 1)
def file_over_memory():
    start = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mmap(start, 2 * PAGE, READ, SHARED | FIXED, file.fileno(), 0) == start
    apart[FILES] += 2 * PAGE


@holds(2 * PAGE, 1)
def memory_over_file():
    start = mmap(None, 10 * PAGE, READ, SHARED, file.fileno(), 0)
    assert mmap(start, 2 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == start
    apart[FILES] += 8 * PAGE


@holds(10 * PAGE, 1)
def fixed_without_replacing():
    start = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mmap(start, PAGE, NONE, PRIVATE | ANONYMOUS | FIXED_NOREPLACE, -1, 0) == FAILED
    assert munmap(start, 10 * PAGE) == 0
    assert mmap(start, 10 * PAGE, READ, PRIVATE | ANONYMOUS | FIXED_NOREPLACE, -1, 0) == start


@holds(0, 0)
def reserved():
    at[1] = mmap(None, 64 * GIB, NONE, PRIVATE | ANONYMOUS | NORESERVE, -1, 0)
    apart[RESERVED] += 64 * GIB


@holds(6 * PAGE, 2)
def opened():
    assert mprotect(at[1] + PAGE, 8 * PAGE, READ_WRITE) == 0
    apart[RESERVED] -= 6 * PAGE


@holds(0, 0)
def opened_before():
    assert mprotect(at[1] + 2 * PAGE, PAGE, READ) == 0


@holds(0, 0)
def closed():
    assert mprotect(at[1] + 4 * PAGE, 2 * PAGE, NONE) == 0


@holds(3 * PAGE, 1)
def opened_with_a_key():
    assert pkey_mprotect(at[1] + 20 * PAGE, 3 * PAGE, READ_WRITE, -1) == 0
    apart[RESERVED] -= 3 * PAGE


@holds(0, 0)
def opening_that_fails():
    assert mprotect(at[1] + 30 * PAGE + 1, PAGE, READ_WRITE) == -1


@holds(5 * PAGE, 1)
def reserved_memory_by_mmap():
    assert mmap(at[1] + 40 * PAGE, 5 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == at[1] + 40 * PAGE
    apart[RESERVED] -= 5 * PAGE


@holds(10 * PAGE, 1)
def small():
    at[2] = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)


@holds(15 * PAGE, 1)
def grown():
    for old, new in (10, 20), (20, 25):
        at[2] = mremap(at[2], old * PAGE, new * PAGE, MAYMOVE, None)
    assert at[2] != FAILED


@holds(5 * PAGE, 1)
def shrunk():
    start = mmap(None, 20 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mremap(start, 20 * PAGE, 5 * PAGE, 0, None) == start


@holds(0, 0)
def to_be_moved_over():
    at[3] = mmap(None, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)


@holds(4 * PAGE, 1)
def to_be_moved():
    at[4] = mmap(None, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)


@holds(0, 0)
def moved():
    assert mremap(at[4], 4 * PAGE, 4 * PAGE, MAYMOVE | MREMAP_FIXED, at[3]) == at[3]
    # Where it was there is nothing any more.
    assert munmap(at[4], 4 * PAGE) == 0


@holds(8 * PAGE)
def growth_that_fails():
    start = mmap(None, 8 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mremap(start, 4 * PAGE, 8 * PAGE, 0, None) == FAILED


@holds(8 * PAGE, 2)
def moved_and_left():
    start = mmap(None, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert mremap(start, 4 * PAGE, 4 * PAGE, MAYMOVE | DONTUNMAP, None) != start


@holds(8 * PAGE)
def mapped_twice():
    start = mmap(None, 4 * PAGE, READ_WRITE, SHARED | ANONYMOUS, -1, 0)
    assert mremap(start, 0, 4 * PAGE, MAYMOVE, None) != start
    apart[SHARED_MEMORY] += 8 * PAGE


@holds(0, 0)
def reservation_that_moves():
    start = mmap(None, 4 * PAGE, NONE, PRIVATE | ANONYMOUS, -1, 0)
    assert mremap(start, 4 * PAGE, 8 * PAGE, MAYMOVE, None) != FAILED
    apart[RESERVED] += 8 * PAGE


@holds(10 * PAGE, 1)
def advised():
    start = mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    assert madvise(start, 10 * PAGE, MADV_DONTNEED) == 0


@holds(10 * PAGE, 1)
def without_reserve():
    keep(mmap(None, 10 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS | NORESERVE, -1, 0))


@holds(10 * PAGE, 1)
def shared_anonymous():
    keep(mmap(None, 10 * PAGE, READ_WRITE, SHARED | ANONYMOUS, -1, 0))
    apart[SHARED_MEMORY] += 10 * PAGE


@holds(10 * PAGE, 1)
def private_dev_zero():
    keep(mmap(None, 10 * PAGE, READ_WRITE, PRIVATE, dev_zero, 0))


@holds(10 * PAGE, 1)
def shared_dev_zero():
    keep(mmap(None, 10 * PAGE, READ_WRITE, SHARED, dev_zero, 0))
    apart[SHARED_MEMORY] += 10 * PAGE


@holds(0, 0)
def shared_file():
    keep(mmap(None, 10 * PAGE, READ_WRITE, SHARED, file.fileno(), 0))
    apart[FILES] += 10 * PAGE


@holds(0, 0)
def private_file():
    keep(mmap(None, 10 * PAGE, READ_WRITE, PRIVATE, file.fileno(), 0))
    apart[FILES] += 10 * PAGE


@holds(0, 0)
def file_that_grows():
    start = mmap(None, 10 * PAGE, READ, SHARED, file.fileno(), 0)
    assert mremap(start, 10 * PAGE, 20 * PAGE, MAYMOVE, None) != FAILED
    apart[FILES] += 20 * PAGE


@holds(0, 0)
def file_in_memory():
    keep(mmap(None, 10 * PAGE, READ_WRITE, SHARED, memory_file, 0))
    apart[FILES] += 10 * PAGE


@holds(pages=10)
def pythons_mmap():
    kept_mmaps.append(PythonMmap(-1, 10 * PAGE))
    apart[SHARED_MEMORY] += 10 * PAGE


# Later Pythons refuse to let a shared one grow: its pages would lie behind the end of what is shared.
@holds(pages=10)
def pythons_mmap_to_be_resized():
    kept_mmaps.append(PythonMmap(-1, 10 * PAGE, flags=PRIVATE | ANONYMOUS))


@holds(10 * PAGE, 1)
def pythons_mmap_resized():
    kept_mmaps[-1].resize(20 * PAGE)


@holds(pages=0)
def pythons_mmap_of_a_file():
    kept_mmaps.append(PythonMmap(file.fileno(), 10 * PAGE))
    apart[FILES] += 10 * PAGE


@holds(pages=0)
def pythons_mmap_closed():
    PythonMmap(-1, 10 * PAGE).close()


kept_mmaps = []
run(lambda: {"mapped_files": apart[FILES], "reserved": apart[RESERVED], "shared_mmap_bytes": apart[SHARED_MEMORY]})
