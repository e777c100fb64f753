"""Function calls that allocate nothing: what a tracing profiler makes slow. Argument: which number of Fibonacci's."""

import sys


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


print(fib(int(sys.argv[1]) if len(sys.argv) > 1 else 36))
