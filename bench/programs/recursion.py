"""Allocations at the bottom of a recursion. Arguments: how deep, and how many."""

import sys

depth = int(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 8_000_000
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
print(sum(descend(depth, 1_000) for _ in range(rounds // 1_000)))
