"""Generators and coroutines that are resumed again and again, from other places and by other callers, with nothing allocated between."""

import random


def pairs(count):
    for number in range(count):
        yield [number, number]


def triples(count):
    for number in range(count):
        yield [number, number, number]


def chain(count):
    yield from pairs(count)
    yield from triples(count)


async def wait_for(awaited, count):
    total = 0
    for _ in range(count):
        total += len([await awaited(count)])
    return total


async def ready(count):
    return [count] * count


def from_two_loops(generator):
    total = 0
    for one in generator:
        total += len(one)
        if total > 20:
            break
    for one in generator:
        total += len(one)
        if total > 40:
            break
    total += len(next(generator, ()))
    return total + len(
        next(generator, ())
    )


def from_here(generator):
    return len(next(generator, ()))


def from_there(generator):
    return len(next(generator, ()))


def by_c(generator):
    return sum(len(one) for one in generator) + len(list(map(len, [[], []])))


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


def nested(depth, function, generator):
    return nested(depth - 1, function, generator) if depth else function(generator)


chance = random.Random(5)
kinds = [pairs, triples, chain]
total = 0
for _ in range(600):
    # The next one is often made where the last one was.
    generator = chance.choice(kinds)(chance.randrange(30))
    for _ in range(chance.randrange(6)):
        function = chance.choice([from_two_loops, from_here, from_there, from_here, from_there, by_c])
        total += nested(chance.randrange(3), function, generator)
    total += run(wait_for(ready, chance.randrange(4)))
print(total)
