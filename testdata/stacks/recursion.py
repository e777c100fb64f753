"""Stacks at the recursion limit and beyond it, and stacks of 15 000 frames."""

import concurrent.futures
import sys
import threading

from expect import allocate, finish, frames

DEEP = 15_000
OTHER_THREAD = concurrent.futures.ThreadPoolExecutor(1)
OTHER_THREAD.submit(int).result()


def endless(depth):
    endless(depth + 1)


def to_the_limit():
    try:
        endless(0)
    except RecursionError:
        allocate("after RecursionError")


def endless_with_handlers(depth):
    """Allocates on the way back, 100 frames below the limit."""
    try:
        endless_with_handlers(depth + 1)
    except RecursionError:
        if depth == sys.getrecursionlimit() - 100:
            allocate("on the way back from RecursionError")
        raise


def on_the_way_back():
    try:
        endless_with_handlers(0)
    except RecursionError:
        allocate("after handlers of RecursionError")


def in_c():
    """Beyond the limit in functions of C alone."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    try:
        repr(deep)
    except RecursionError:
        allocate("after RecursionError in C")
    # Freed one by one: a chain of deallocators would be as deep.
    while deep:
        deep = deep[0]


def through_c(depth):
    return max([depth], key=lambda _: through_c(depth + 1))


def through_c_to_the_limit():
    try:
        through_c(0)
    except RecursionError:
        allocate("after RecursionError through C")


def mutual(depth):
    if depth:
        return recursive(depth - 1)
    allocate("below 400 frames of two functions")


def recursive(depth):
    return mutual(depth - 1)


def frames_by_other_thread(frame):
    """An allocation costs more the deeper the stack is, and a walk makes many."""
    return OTHER_THREAD.submit(frames, frame).result()


def deep(depth):
    if depth:
        deep(depth - 1)
    else:
        allocate("below 15 000 frames", walk=frames_by_other_thread)


def deep_and_back(depth):
    """Down, some frames up, down again: most of a deep stack stays as it is."""
    if depth:
        deep_and_back(depth - 1)
        if depth < 4:
            deep_and_back_again(depth)
        return
    allocate("first time down")


def deep_and_back_again(depth):
    allocate()
    if depth:
        deep_and_back_again(depth - 1)


def very_deep():
    sys.setrecursionlimit(20_000)
    deep(DEEP)
    deep_and_back(1000)
    allocate("after 15 000 frames")


to_the_limit()
on_the_way_back()
in_c()
through_c_to_the_limit()
mutual(400)
# Before Python 3.11 each call of a function of Python's takes room on the stack of the thread.
threading.stack_size(256 << 20)
thread = threading.Thread(target=very_deep)
thread.start()
thread.join()
OTHER_THREAD.shutdown()
finish()
