"""Stacks of threads, however they were started."""

import _thread
import concurrent.futures
import ctypes
import queue
import threading

from expect import allocate, finish


def work(label, depth=0):
    if depth:
        work(label, depth - 1)
    else:
        allocate(label)


class Thread(threading.Thread):
    def run(self):
        allocate("overridden run()")


def joined(thread):
    thread.start()
    thread.join()


def of_threading():
    joined(threading.Thread(target=work, args=("threading", 7)))
    joined(Thread())
    joined(threading.Timer(0, work, ["timer"]))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        pool.submit(work, "pool").result()
        list(pool.map(work, [""] * 50, range(50)))


def of_thread_module():
    ended = _thread.allocate_lock()
    ended.acquire()

    def run():
        work("start_new_thread", 1)
        ended.release()

    _thread.start_new_thread(run, ())
    ended.acquire()


def in_turn():
    """Two threads, each at its own depth, allocate in turn."""
    inboxes = [queue.Queue(), queue.Queue()]

    def take_turns(mine, other, depth):
        if depth:
            return take_turns(mine, other, depth - 1)
        for _ in range(100):
            mine.get()
            allocate()
            other.put(None)

    threads = [
        threading.Thread(target=take_turns, args=(inboxes[0], inboxes[1], 3)),
        threading.Thread(target=take_turns, args=(inboxes[1], inboxes[0], 30)),
    ]
    for thread in threads:
        thread.start()
    inboxes[0].put(None)
    for thread in threads:
        thread.join()


def generators_between_threads():
    """A generator begins in one thread and goes on in others."""

    def steps():
        allocate("generator begins")
        yield
        allocate("generator goes on")
        yield
        allocate("generator ends")

    generator = steps()
    next(generator)
    for _ in range(2):
        joined(threading.Thread(target=next, args=(generator, None)))


def thousands():
    """Short-lived threads: their structures lie where those of others were."""
    for number in range(2000):
        joined(threading.Thread(target=work, args=("", number % 5)))


def at_their_end():
    """What thread-local values do when a thread ends."""

    class Dies:
        def __del__(self):
            allocate("thread-local value dies")

    local = threading.local()
    joined(threading.Thread(target=lambda: setattr(local, "value", Dies())))


def of_c():
    """Threads that C started call Python: it gives them a state of their own for as long as each call takes."""
    libc = ctypes.CDLL(None)
    callback = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

    def start(function):
        thread = ctypes.c_ulong()
        if libc.pthread_create(ctypes.byref(thread), None, function, None) != 0:
            raise OSError("pthread_create")
        # Releases the GIL meanwhile.
        libc.pthread_join(thread, None)

    def in_thread_of_c(_):
        work("thread of C", 1)

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    def compare(*_):
        work("callback in a callback")
        return 0

    @callback
    def calls_c(_):
        libc.qsort((ctypes.c_int * 2)(), ctypes.c_size_t(2), ctypes.c_size_t(4), compare)

    start(callback(in_thread_of_c))
    start(calls_c)
    for depth in range(200):
        start(callback(lambda _, depth=depth: work("", depth % 5)))


of_threading()
of_thread_module()
in_turn()
generators_between_threads()
thousands()
at_their_end()
of_c()
work("main thread")
finish()
