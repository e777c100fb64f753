"""Calls C's allocators, with an errno of its own, through all that the recorder does behind them: a
thread's first event, chunk after chunk, growth of the spool. Prints what errno was afterwards."""

import ctypes
import threading

MINE = 77
libc = ctypes.CDLL(None, use_errno=True)
pointer, size = ctypes.c_void_p, ctypes.c_size_t
for name, arguments in [
    ("malloc", [size]),
    ("calloc", [size, size]),
    ("realloc", [pointer, size]),
    ("aligned_alloc", [size, size]),
    ("mmap", [pointer, size, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]),
]:
    function = getattr(libc, name)
    function.argtypes, function.restype = arguments, pointer
libc.free.argtypes, libc.free.restype = [pointer], None
libc.munmap.argtypes = [pointer, size]
seen = set()


def kept(function, *arguments):
    ctypes.set_errno(MINE)
    result = function(*arguments)
    seen.add((function.__name__, ctypes.get_errno()))
    return result


def work(rounds):
    for _ in range(rounds):
        block = kept(libc.malloc, 100)
        block = kept(libc.realloc, block, 200)
        kept(libc.free, block)
        kept(libc.free, kept(libc.calloc, 10, 10))
        kept(libc.free, kept(libc.aligned_alloc, 64, 640))
        start = kept(libc.mmap, None, 4096, 3, 0x22, -1, 0)
        kept(libc.munmap, start, 4096)
    # A call that fails says why, as ever.
    kept(libc.malloc, 1 << 62)


work(20_000)
for _ in range(40):
    thread = threading.Thread(target=work, args=(10,))
    thread.start()
    thread.join()
gate = threading.Barrier(40)
threads = [threading.Thread(target=lambda: (work(10), gate.wait())) for _ in range(40)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(seen))
