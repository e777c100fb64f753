"""The malloc family, called in all ways."""
import ctypes

from rows import free, function, holds, keep, libc, malloc, number, pointer, run, size

calloc = function(libc, "calloc", size, size)
realloc = function(libc, "realloc", pointer, size)
reallocarray = function(libc, "reallocarray", pointer, size, size)
aligned_alloc = function(libc, "aligned_alloc", size, size)
memalign = function(libc, "memalign", size, size)
valloc = function(libc, "valloc", size)
pvalloc = function(libc, "pvalloc", size)
posix_memalign = function(libc, "posix_memalign", pointer, size, size, result=number)
strdup = function(libc, "strdup", ctypes.c_char_p)
found = (pointer * 1)()
place_found = ctypes.addressof(found)
text = b"x" * 99_999
HUGE = 1 << 62

cpp = ctypes.CDLL("libstdc++.so.6")
new = function(cpp, "_Znwm", size)
new_array = function(cpp, "_Znam", size)
new_aligned = function(cpp, "_ZnwmSt11align_val_t", size, size)
delete = function(cpp, "_ZdlPv", pointer, result=None)


@holds(1_000_001, 1)
def by_malloc():
    keep(malloc(1_000_001))


@holds(0, 1)
def by_malloc_of_nothing():
    keep(malloc(0))


@holds(0, 0)
def by_malloc_that_fails():
    assert malloc(HUGE) is None


@holds(4096 + (4 << 30), 1)
def by_malloc_above_4_gib():
    keep(malloc(4096 + (4 << 30)))


@holds(0, 0)
def freed():
    free(malloc(11_000_000))
    free(None)


@holds(2_003_000, 1)
def by_calloc():
    keep(calloc(1000, 2003))


@holds(0, 0)
def by_calloc_that_overflows():
    assert calloc(HUGE, 8) is None


@holds(100_000, 1)
def by_strdup():
    keep(strdup(text))


@holds(3_000_005, 1)
def by_realloc_of_null():
    keep(realloc(None, 3_000_005))


@holds(0, 1)
def by_realloc_of_null_to_nothing():
    keep(realloc(None, 0))


@holds(0, 0)
def by_realloc_to_nothing():
    assert realloc(malloc(5_000_000), 0) is None


@holds(1002, 1)
def by_realloc_in_place():
    block = malloc(1001)
    assert realloc(block, 1002) == block
    keep(block)


@holds(6_000_000 + 7_000, 2)
def by_realloc_that_moves():
    block = malloc(7_000)
    keep(malloc(7_000))
    moved = realloc(block, 6_000_000)
    assert moved != block
    keep(moved)


@holds(7_001, 1)
def by_realloc_that_shrinks():
    keep(realloc(malloc(9_000_000), 7_001))


@holds(12_000_001, 1)
def by_realloc_that_fails():
    block = malloc(12_000_001)
    assert realloc(block, HUGE) is None
    keep(block)


@holds(4_007_000, 1)
def by_reallocarray():
    keep(reallocarray(malloc(100), 1000, 4007))


@holds(100_001, 1)
def by_reallocarray_that_overflows():
    block = malloc(100_001)
    assert reallocarray(block, HUGE, 8) is None
    keep(block)


@holds(5_001_216, 1)
def by_aligned_alloc():
    keep(aligned_alloc(4096, 5_001_216))


@holds(6_000_011, 1)
def by_memalign():
    keep(memalign(64, 6_000_011))


@holds(7_000_013, 1)
def by_posix_memalign():
    assert posix_memalign(place_found, 256, 7_000_013) == 0
    keep(found[0])


@holds(0, 0)
def by_posix_memalign_that_fails():
    assert posix_memalign(place_found, 3, 7_000_013) != 0
    assert posix_memalign(place_found, 256, HUGE) != 0


@holds(8_000_017, 1)
def by_valloc():
    keep(valloc(8_000_017))


@holds(9_000_019, 1)
def by_pvalloc():
    keep(pvalloc(9_000_019))


@holds(1_100_003, 1)
def by_new():
    keep(new(1_100_003))


@holds(1_200_007, 1)
def by_new_array():
    keep(new_array(1_200_007))


@holds(1_300_096, 1)
def by_new_aligned():
    keep(new_aligned(1_300_096, 128))


@holds(0, 0)
def deleted():
    delete(new(11_000_000))


run()
