"""Stacks in greenlets, which put whole pieces of the C stack and of Python's aside."""

from expect import allocate, finish
from greenlet import getcurrent, greenlet


def first():
    allocate("first greenlet")
    deeper(10, lambda: second_greenlet.switch("sent"))
    allocate("first greenlet, again")
    return "result"


def second(sent):
    allocate(sent)
    deeper(3, lambda: first_greenlet.switch())
    allocate("never reached")


def deeper(depth, call):
    if depth:
        deeper(depth - 1, call)
    else:
        allocate()
        call()
        allocate()


def switching():
    global first_greenlet, second_greenlet
    first_greenlet, second_greenlet = greenlet(first), greenlet(second)
    first_greenlet.switch()
    allocate("back in the parent")


def ping_pong():
    """All at other depths, in turn: nothing that is kept of a stack holds for the next."""

    def work(depth):
        if depth:
            work(depth - 1)
        for _ in range(10):
            allocate()
            parent.switch()

    parent = getcurrent()
    greenlets = [greenlet(work) for _ in range(10)]
    for _ in range(9):
        for depth, one in enumerate(greenlets):
            one.switch(depth) if not one else one.switch()


def thrown():
    def catches():
        try:
            parent.switch()
        except KeyError:
            allocate("thrown into a greenlet")

    parent = getcurrent()
    one = greenlet(catches)
    one.switch()
    one.throw(KeyError)


def through_c():
    """A switch below functions of C."""

    def key(number):
        allocate()
        parent.switch()
        allocate()
        return number

    parent = getcurrent()
    one = greenlet(lambda: sorted([2, 1], key=key))
    while not one.dead:
        one.switch()


def in_generator():
    def generator():
        allocate("generator in a greenlet")
        parent.switch()
        allocate("generator in a greenlet, again")
        yield

    parent = getcurrent()
    one = greenlet(lambda: next(generator()))
    one.switch()
    one.switch()


def dropped():
    def waits():
        try:
            parent.switch()
        finally:
            allocate("dropped greenlet")

    parent = getcurrent()
    one = greenlet(waits)
    one.switch()
    del one


switching()
ping_pong()
thrown()
through_c()
in_generator()
dropped()
finish()
