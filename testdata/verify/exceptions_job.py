"""Exceptions that leave one frame or hundreds, through C and generators, shown and thrown away."""

import contextlib
import random
import traceback


class Resource:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append("enter")
        return self

    def __exit__(self, kind, error, trace):
        self.log.append(str(error))
        return isinstance(error, KeyError)


def descend(depth, catch_at, log):
    if depth == 0:
        raise (KeyError if catch_at % 2 else ValueError)("bottom %d" % catch_at)
    try:
        with Resource(log) if depth % 5 == 0 else contextlib.nullcontext():
            return max([depth], key=lambda one: descend(one - 1, catch_at, log) or 0)
    except ValueError as error:
        if depth == catch_at:
            log.append(str(error))
            return 0
        if depth % 7 == 0:
            raise ValueError("again") from error
        raise
    finally:
        log.append([depth])


def stop_early():
    try:
        for number in range(10):
            yield [number]
    finally:
        list(map(str, range(20)))


chance = random.Random(5)
log = []
for _ in range(100):
    try:
        descend(chance.randrange(1, 40), chance.randrange(40), log)
    except (KeyError, ValueError):
        log.append(len(traceback.format_exc().splitlines()))
    for one in stop_early():
        if one[0] == 3:
            break
print(len(log))
