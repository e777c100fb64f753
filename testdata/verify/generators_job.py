"""Generators and greenlets, resumed in any order from anywhere."""

import random

from greenlet import getcurrent, greenlet


def tree(depth):
    if depth:
        yield from tree(depth - 1)
        yield [depth] * 3
        yield from tree(depth - 1)


def step(generators, number, depth):
    if depth:
        return step(generators, number, depth - 1)
    try:
        return len(next(generators[number]))
    except StopIteration:
        generators[number] = tree(number % 6)
        return 1


def run_greenlet(depth, rounds):
    if depth:
        return run_greenlet(depth - 1, rounds)
    total = 0
    for number in range(rounds):
        total += sum(len(one) for one in tree(number % 4))
        total += parent.switch([number])
    return total


chance = random.Random(11)
generators = [tree(number % 6) for number in range(20)]
total = sum(step(generators, chance.randrange(20), chance.randrange(15)) for _ in range(3000))

parent = getcurrent()
greenlets = [greenlet(run_greenlet) for _ in range(12)]
for number, one in enumerate(greenlets):
    one.switch(number * 2, 30)
while alive := [one for one in greenlets if not one.dead]:
    answer = chance.choice(alive).switch(1)
    total += answer if isinstance(answer, int) else len(answer)
print(total)
