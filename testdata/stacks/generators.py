"""Stacks in and below generators."""

import gc

from expect import allocate, finish


def steps():
    allocate("first step")
    yield 1
    allocate("second step")
    yield 2


def first_caller(generator):
    return next(generator)


def second_caller(generator):
    return next(generator)


def resumed_from_elsewhere():
    generator = steps()
    first_caller(generator)
    second_caller(generator)


def inner():
    allocate("below yield from")
    received = yield
    allocate(received)
    return "value"


def outer():
    result = yield from inner()
    allocate("after yield from")
    yield result


def delegating():
    generator = outer()
    next(generator)
    generator.send("sent through")


def nest(depth):
    if depth == 0:
        allocate("below 50 yield from")
        yield
        allocate("below 50 yield from, resumed")
        yield
    else:
        yield from nest(depth - 1)


def nested():
    generator = nest(50)
    next(generator)
    for _ in generator:
        break


def cleaning_up(label):
    try:
        yield
    finally:
        allocate(label)


def catching():
    while True:
        try:
            yield
        except KeyError as error:
            allocate(error.args[0])


def closed():
    generator = cleaning_up("closed")
    next(generator)
    generator.close()


def dropped():
    generator = cleaning_up("dropped")
    next(generator)
    del generator


def dropped_in_a_cycle():
    cycle = [cleaning_up("collected")]
    next(cycle[0])
    cycle.append(cycle)
    del cycle
    gc.collect()


def thrown_into():
    generator = catching()
    next(generator)
    generator.throw(KeyError("thrown into"))


def passing_on():
    yield from catching()


def thrown_through_yield_from():
    generator = passing_on()
    next(generator)
    generator.throw(KeyError("thrown through yield from"))


def closed_through_yield_from():
    def passing_on():
        yield from cleaning_up("closed through yield from")

    generator = passing_on()
    next(generator)
    generator.close()


def consumed_by_c():
    sum(allocate("summed") or 1 for _ in range(1))
    list(one for one in (allocate("in a nested expression") for _ in range(1)))
    max(map(lambda step: step, steps_of("mapped")))
    a, b = steps_of("unpacked")
    return [*steps_of("starred")]


def steps_of(label):
    allocate(label)
    yield 1
    yield 2


def interleaved():
    """Two generators resume in turn, at all heights of the stack."""
    generators = [alternating(), alternating()]
    for _ in range(20):
        for generator in generators:
            next(generator)
        deeper(generators, 5)


def alternating():
    while True:
        allocate()
        yield
        allocate()
        yield


def deeper(generators, depth):
    if depth:
        deeper(generators, depth - 1)
    next(generators[depth % 2])


def short_lived():
    """Frames of generators lie in the generators: these are at one address, one after the other."""
    for _ in range(500):
        next(alternating())
        for _ in steps_of(""):
            allocate()


def reentrant():
    def itself():
        try:
            next(generator)
        except ValueError:
            allocate("in a generator that ran already")
        yield

    generator = itself()
    next(generator)


def returning():
    try:
        next(iter_once())
    except StopIteration:
        allocate("after its end")


def iter_once():
    return
    yield


class Iterator:
    def __iter__(self):
        allocate("in __iter__")
        return self

    def __next__(self):
        allocate("in __next__")
        raise StopIteration


def by_hand():
    for _ in Iterator():
        pass


def main():
    resumed_from_elsewhere()
    delegating()
    nested()
    closed()
    dropped()
    dropped_in_a_cycle()
    thrown_into()
    thrown_through_yield_from()
    closed_through_yield_from()
    consumed_by_c()
    interleaved()
    short_lived()
    reentrant()
    returning()
    by_hand()


main()
finish()
