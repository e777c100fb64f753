"""Threads of many names; each holds a block whose size tells which it is, and prints the name with that size. The
argument is testdata/c_threads.c as a library.
"""

import _thread
import ctypes
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

library = ctypes.CDLL(sys.argv[1])
held = [None] * 20


def hold(size, name):
    number = size - 5_000_000
    held[number] = bytes(size)
    print(sys.getsizeof(held[number]), name)


def run(thread):
    thread.start()
    thread.join()


class Subclass(threading.Thread):
    """Reading its name must run none of this."""

    def start(self):
        super().start()

    def __getattr__(self, name):
        print("asked for", name)
        raise AttributeError(name)


class WithProperty(threading.Thread):
    """Has no name that can be read without running code."""

    @property
    def _name(self):
        caller = sys._getframe(1).f_code.co_filename
        return "property" if caller.endswith("threading.py") else print("asked by", caller)

    @_name.setter
    def _name(self, name):
        pass


def name_in_c(name, block):
    library.name_thread(name)
    hold(*block)


def started_without_threading(size):
    hold(size, "")
    done.release()


run(threading.Thread(target=hold, args=(5_000_000, "loader"), name="loader"))
long_name = "a name with more than fifteen characters"
run(threading.Thread(target=hold, args=(5_000_001, long_name), name=long_name))
for size, name in (5_000_002, "\u00c9t\u00e9"), (5_000_003, "\u7dda\u7a0b"), (5_000_004, "\U0001f40d"):
    run(threading.Thread(target=hold, args=(size, name), name=name))
run(Subclass(target=hold, args=(5_000_005, "subclass"), name="subclass"))
# From 3.14 on Python itself asks for the name, and tells the kernel.
run(WithProperty(target=hold, args=(5_000_006, "property" if sys.version_info >= (3, 14) else "")))

before = sys.getrefcount(long_name)
run(threading.Thread(target=hold, args=(5_000_007, long_name), name=long_name))
assert sys.getrefcount(long_name) == before

with ThreadPoolExecutor(1, thread_name_prefix="pool-of-threads") as pool:
    pool.submit(hold, 5_000_008, "pool-of-threads_0").result()

done = _thread.allocate_lock()
done.acquire()
_thread.start_new_thread(started_without_threading, (5_000_009,))
done.acquire()

# Threads that name themselves, by both ways there are.
run(threading.Thread(target=name_in_c, args=(b"renamed", (5_000_010, "renamed")), name="before"))
set_name = ctypes.CDLL(None).prctl
PR_SET_NAME = 15


def name_by_prctl(size):
    set_name(PR_SET_NAME, ctypes.c_char_p(b"by prctl"), *[ctypes.c_ulong(0)] * 3)
    hold(size, "by prctl")


run(threading.Thread(target=name_by_prctl, args=(5_000_011,), name="before"))
# As a C++ or Rust library does it: before the first allocation, and after one.
library.hold_in_named_thread(ctypes.c_size_t(5_000_012), b"worker-0")
print(5_000_012, "worker-0")
library.hold_in_thread_named_late(ctypes.c_size_t(5_000_013), b"worker-1")
print(5_000_013, "worker-1")
