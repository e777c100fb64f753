"""Recursion: deep, to the limit, with unwinding in between, in pure Python and through C."""

import sys
import threading


def ackermann(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def build(depth):
    return [depth, build(depth - 1)] if depth else None


def walk(tree):
    return 0 if tree is None else tree[0] + walk(tree[1])


def zigzag(depth, moves):
    """Goes down, and a bit up, and down again."""
    moves.append(str(depth))
    if depth % 10 == 5 and len(moves) < 2000:
        zigzag(depth - 3, moves)
    if depth < 300 and len(moves) < 2000:
        zigzag(depth + 1, moves)


def through_c(depth):
    return sorted([depth], key=lambda one: str(through_c(one - 1)) if one else "")[0]


def endless(depth):
    try:
        return endless([depth])
    finally:
        depth = None


def main():
    sys.setrecursionlimit(3000)
    moves = []
    zigzag(0, moves)
    try:
        endless(0)
    except RecursionError:
        moves.append("limit")
    print(ackermann(2, 60), walk(build(1500)), len(moves), through_c(120))


threading.stack_size(256 << 20)
thread = threading.Thread(target=main)
thread.start()
thread.join()
