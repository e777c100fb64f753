"""Stacks below numpy's functions that call Python."""

import numpy as np
from expect import allocate, finish


def called(label):
    allocate(label)
    return 0


def main():
    np.apply_along_axis(lambda row: called("apply_along_axis"), 0, np.ones(2))
    np.vectorize(lambda value: called("vectorize"), otypes=[int])(np.ones(1))
    np.fromfunction(lambda *_: called("fromfunction"), (1,))
    np.frompyfunc(lambda value: called("frompyfunc"), 1, 1)(np.ones(1))
    np.fromiter((called("fromiter") for _ in range(1)), dtype=int)
    np.piecewise(np.ones(1), [True], [lambda _: called("piecewise")])


main()
finish()
