"""Starts threads in C code in many ways. The argument is testdata/c_threads.c as a library."""

import _thread
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
SIZE = ctypes.c_size_t
CALLBACK = ctypes.CFUNCTYPE(None)


def thread():
    return library.hold_in_thread(SIZE(10_000_001))


def small_thread():
    return library.hold_in_small_thread(SIZE(10_000_006))


def thread_of_thread():
    return library.hold_in_thread_of_thread(SIZE(10_000_002))


def c11_thread():
    return library.hold_in_c11_thread(SIZE(10_000_003))


def thread_of_python_thread(done):
    library.hold_in_thread(SIZE(10_000_004))
    done.release()


def python_thread():
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(thread_of_python_thread, (done,))
    done.acquire()


def called_back():
    global held
    held = bytes(5_000_000)


def thread_that_calls_back():
    library.call_back_in_thread(CALLBACK(called_back))


def fork_in_thread():
    return library.hold_in_fork_of_thread(SIZE(50_000_005))


# Up to 3.10 a function keeps the frame of its first call, which belongs to the caller's line.
called_back()
print(thread())
print(small_thread())
print(thread_of_thread())
print(c11_thread())
print(python_thread())
print(thread_that_calls_back())
print(library.exit_by_pthread_exit(SIZE(1000)))
print(library.cancel_many())
print({library.fail_to_start() for _ in range(100)})
print(library.errno_after_start())
print(fork_in_thread())
