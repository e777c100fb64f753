"""Every way to call a function of Python's, nested at random, with exceptions that are caught somewhere above.

Stack markers are put into frames that wait for a call. An exception leaves them there, and so does the end of a frame
by one; other frames then come to lie at the same addresses and wait at the same instructions.

    python calls_job.py SEED
"""

import random
import sys

chance = random.Random(int(sys.argv[1]))
left = 40_000


class Passing(Exception):
    pass


def step(depth):
    """Allocates, goes deeper in some way, up to three times, and may raise."""
    global left
    left -= 1
    held = [depth, str(depth)]
    if depth == 0 or left < 0:
        if chance.random() < 0.4:
            raise Passing
        return len(held)
    # The same calls at different instructions.
    total = WAYS[chance.randrange(len(WAYS))](depth - 1)
    if chance.random() < 0.3:
        total += WAYS[chance.randrange(len(WAYS))](depth - 1)
    if chance.random() < 0.2:
        total += catch(depth - 1)
    if chance.random() < 0.1:
        raise Passing
    return total


def catch(depth):
    caught = 0
    for _ in range(2):
        try:
            caught += WAYS[chance.randrange(len(WAYS))](depth)
        except Passing:
            caught += len([depth])
        try:
            caught += len([step(depth), step(depth)])
        except Passing:
            caught += len((depth, caught))
    return caught


class Things:
    def __init__(self, depth):
        self.depth = depth

    @property
    def value(self):
        return step(self.depth)

    @property
    def function(self):
        made = step(self.depth)
        return lambda: made

    def method(self, more=0):
        return step(self.depth) + more

    def __getitem__(self, depth):
        return step(depth)

    def __len__(self):
        return step(self.depth)

    def __add__(self, other):
        return step(self.depth) + other

    def __lt__(self, other):
        return step(self.depth) < other.depth

    @classmethod
    def of_class(cls, depth):
        return step(depth)

    @staticmethod
    def of_none(depth):
        return step(depth)


class Derived(Things):
    def method(self, more=0):
        return super().method(more) + 1


class Answering:
    def __getattribute__(self, name):
        return step(int(name[1:]))


class AnsweringCalls:
    def __getattribute__(self, name):
        made = step(int(name[1:]))
        return lambda: made


class Missing:
    def __getattr__(self, name):
        return step(int(name[1:]))


class Starting:
    def __init__(self, depth):
        self.made = step(depth)


class StartingDerived(Starting):
    pass


def generate(depth):
    for number in range(2):
        yield step(depth) + number


def delegate(depth):
    yield from generate(depth)


def receive(depth):
    total = 0
    while True:
        number = yield total
        total += number + step(depth)


def send(depth):
    receiver = receive(depth)
    next(receiver)
    return receiver.send(1)


async def awaited(depth):
    return step(depth)


async def awaiting(depth):
    return await awaited(depth)


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value


def with_context(depth):
    with Context(depth):
        return step(depth)


class Context:
    def __init__(self, depth):
        self.depth = depth

    def __enter__(self):
        return step(self.depth)

    def __exit__(self, *_):
        return None


def recursive(depth, more):
    return recursive(depth, more - 1) if more else step(depth)


# The next two wait for a call above a slot of the value stack that they themselves have not written to.


def iterate(generator):
    for value in generator:
        return value


class Now:
    depth = 0

    @property
    def function(self):
        made = step(Now.depth)
        return lambda: made


def call_attribute():
    return now.function()


def attribute_called(depth):
    Now.depth = depth
    return call_attribute()


now = Now()
answering, answering_calls, missing, derived = Answering(), AnsweringCalls(), Missing(), Derived(0)
names = [f"a{depth}" for depth in range(100)]
WAYS = [
    step,
    lambda depth: step(depth),
    lambda depth: step(depth=depth),
    lambda depth: step(*[depth]),
    lambda depth: step(**{"depth": depth}),
    lambda depth: Things(depth).value,
    lambda depth: Things(depth).function(),
    lambda depth: Things(depth).method(),
    lambda depth: Things(depth).method(more=1),
    lambda depth: Derived(depth).method(2),
    lambda depth: derived[depth],
    lambda depth: Things.of_class(depth) + Things.of_none(depth),
    lambda depth: Things(depth) + 1,
    lambda depth: len(Things(depth)),
    lambda depth: (Things(depth) < derived) + 0,
    lambda depth: getattr(answering, names[depth]),
    lambda depth: answering.a3 if depth > 3 else 1,
    lambda depth: answering_calls.a3() if depth > 3 else 1,
    lambda depth: missing.a3 if depth > 3 else 1,
    lambda depth: Starting(depth).made,
    lambda depth: StartingDerived(depth).made,
    lambda depth: sum(generate(depth)),
    lambda depth: sum(value for value in generate(depth)),
    lambda depth: sum([value + step(depth) for value in range(1)]),
    lambda depth: sum(delegate(depth)),
    send,
    lambda depth: run(awaiting(depth)),
    lambda depth: sorted([depth], key=step)[0],
    lambda depth: sum(map(step, [depth])),
    lambda depth: eval("step(depth)", {"step": step, "depth": depth}),
    with_context,
    lambda depth: iterate(generate(depth)),
    lambda depth: iterate(delegate(depth)),
    attribute_called,
    attribute_called,
    catch,
    catch,
    lambda depth: recursive(depth, 9),
]

total = 0
while left > 0:
    # Frames come to lie at other places each time.
    try:
        total += recursive(chance.randrange(4, 24), chance.randrange(12))
    except Passing:
        total += 1
print(total)
