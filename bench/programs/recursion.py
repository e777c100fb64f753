"""Allocations at the bottom of a recursion. Argument: how deep."""

import sys

ROUNDS = 8_000_000
depth = int(sys.argv[1])
sys.setrecursionlimit(depth + 100)


def make(number):
    return [number, str(number)]


def descend(left, rounds):
    if left:
        return descend(left - 1, rounds)
    length = 0
    for number in range(rounds):
        length += len(make(number)[1])
    return length


# Down and up again now and then, as real recursions do.
print(sum(descend(depth, 1_000) for _ in range(ROUNDS // 1_000)))
