"""Stacks in gevent's greenlets, with the standard library patched."""

import gevent.monkey

gevent.monkey.patch_all()

import queue
import threading
import time

import gevent
import gevent.pool
from expect import allocate, finish


def work(depth, label):
    if depth:
        work(depth - 1, label)
        return
    allocate(label)
    gevent.sleep(0)
    allocate(label and label + ", again")


def spawned():
    gevent.joinall([gevent.spawn(work, depth, "spawned %d" % depth) for depth in range(4)])


def pooled():
    pool = gevent.pool.Pool(4)
    list(pool.imap_unordered(lambda depth: work(depth, ""), range(40)))


def threads():
    """Threads are greenlets here."""

    def consume():
        for label in iter(inbox.get, None):
            allocate(label)
            time.sleep(0)

    inbox = queue.Queue()
    thread = threading.Thread(target=consume)
    thread.start()
    inbox.put("in a patched thread")
    inbox.put(None)
    thread.join()


def killed():
    def waits():
        try:
            gevent.sleep(3600)
        finally:
            allocate("killed")

    one = gevent.spawn(waits)
    gevent.sleep(0)
    one.kill()


def real_threads():
    gevent.get_hub().threadpool.apply(work_in_thread)


def work_in_thread():
    allocate("in a thread of gevent's")


spawned()
pooled()
threads()
killed()
real_threads()
finish()
