"""Stacks below functions of C that call Python: the caller's line is that of the call of C."""

import ctypes
import functools
import gc
import itertools
import json
import operator
import pickle
import re
import weakref

from expect import allocate, finish


def called(label):
    allocate(label)
    return 0


def functions_of_c():
    sorted([1], key=lambda _: called("sorted"))
    [1].sort(key=lambda _: called("list.sort"))
    list(map(called, ["map"]))
    list(filter(called, ["filter"]))
    functools.reduce(lambda _, label: called(label), ["initial", "reduce"])
    functools.partial(called, "partial")()
    min(["min"], key=called)
    re.sub("a", lambda match: str(called("re.sub")), "a")
    list(itertools.starmap(called, [["starmap"]]))
    list(itertools.groupby(["groupby"], key=called))
    json.loads("{}", object_hook=lambda _: called("json object hook"))
    json.dumps(object(), default=lambda _: called("json default"))
    operator.methodcaller("method", "methodcaller")(Special())
    next(iter(lambda: called("iter with a sentinel"), 1))


class Special:
    """Methods that the interpreter calls itself."""

    def method(self, label):
        called(label)

    def __hash__(self):
        called("__hash__")
        return 1

    def __eq__(self, other):
        called("__eq__")
        return True

    def __lt__(self, other):
        called("__lt__")
        return True

    def __add__(self, other):
        called("__add__")

    def __contains__(self, item):
        called("__contains__")
        return True

    def __getitem__(self, index):
        called("__getitem__")

    def __setitem__(self, index, value):
        called("__setitem__")

    def __bool__(self):
        called("__bool__")
        return True

    def __len__(self):
        called("__len__")
        return 1

    def __index__(self):
        called("__index__")
        return 0

    def __repr__(self):
        called("__repr__")
        return ""

    def __format__(self, specification):
        called("__format__")
        return ""

    def __call__(self):
        called("__call__")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        called("__getattr__")

    def __setattr__(self, name, value):
        called("__setattr__")

    def __reduce__(self):
        called("__reduce__")
        return (called, ("unpickled",))

    @property
    def attribute(self):
        called("property")

    @staticmethod
    def static():
        called("staticmethod")

    @classmethod
    def of_class(cls):
        called("classmethod")


class Descriptor:
    def __get__(self, instance, owner):
        called("__get__")

    def __set__(self, instance, value):
        called("__set__")


class Owner:
    described = Descriptor()

    def __getattribute__(self, name):
        called("__getattribute__")
        return object.__getattribute__(self, name)


def special_methods():
    special = Special()
    {special: 1}
    special == 1
    special < 1
    special + 1
    1 in special
    special[0]
    special[0] = 1
    if special:
        pass
    len(special)
    [0][special]
    repr(special)
    f"{special}"
    special()
    special.missing
    special.missing = 1
    special.attribute
    special.static()
    Special.of_class()
    pickle.loads(pickle.dumps(Special.__new__(Special)))


def dictionaries():
    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            called("__eq__ in a dictionary")
            return True

    {Key(): 1}[Key()]


def descriptors():
    owner = Owner()
    owner.described
    Owner.described
    Owner().described = 1


class Cached:
    @functools.cached_property
    def value(self):
        called("cached property")

    @functools.lru_cache
    def memoized(self):
        called("lru_cache")


def decorated(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        allocate("in a wrapper")
        return function(*arguments)

    return wrapper


@decorated
@functools.lru_cache
def cached(label):
    called(label)


class Dies:
    def __init__(self, label):
        self.label = label

    def __del__(self):
        called(self.label)


def deaths():
    one = Dies("__del__ from refcount")
    del one
    cycle = Dies("__del__ from collection")
    cycle.itself = cycle
    del cycle
    gc.collect()
    watched = Dies("__del__ after weakref")
    reference = weakref.ref(watched, lambda _: called("weakref callback"))
    weakref.finalize(watched, called, "finalize")
    watched = None
    return reference


def of_other_frame():
    """Dies with the frame that held it."""

    def holds():
        local = Dies("__del__ when a frame ends")
        return None if local else local

    holds()


def ctypes_callbacks():
    libc = ctypes.CDLL(None)
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: called("qsort"))
    array = (ctypes.c_int * 2)(2, 1)
    libc.qsort(array, ctypes.c_size_t(2), ctypes.c_size_t(4), compare)
    as_python = ctypes.PYFUNCTYPE(ctypes.c_int)(lambda: called("with the GIL held"))
    as_python()


def nested(depth):
    """Each level is one of Python and one or two of C."""
    if depth == 0:
        called("below 100 calls of C")
        return 0
    return sorted([depth], key=lambda _: list(map(nested, [depth - 1]))[0])[0]


def main():
    functions_of_c()
    special_methods()
    dictionaries()
    descriptors()
    Cached().value
    Cached().memoized()
    cached("decorated")
    deaths()
    of_other_frame()
    ctypes_callbacks()
    nested(50)


# A collection at another moment would run finalizers on another stack.
gc.disable()
main()
finish()
