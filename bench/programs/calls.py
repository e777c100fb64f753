"""Function calls that allocate nothing: what a tracing profiler makes slow."""


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


print(fib(36))
