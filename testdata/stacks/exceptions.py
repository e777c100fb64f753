"""Stacks while exceptions are raised, handled and shown."""

import functools
import io
import signal
import sys
import threading
import traceback
import warnings

from expect import allocate, finish


class Speaking(Exception):
    """An exception that allocates when it is shown."""

    def __str__(self):
        allocate(self.args[0])
        return "text"


def fails(error):
    raise error


def handled():
    try:
        fails(KeyError())
    except KeyError:
        allocate("in except")
        try:
            fails(ValueError())
        except ValueError as error:
            allocate("in a nested except")
            error.__traceback__ = None
    else:
        allocate("never")
    finally:
        allocate("in finally")


def finally_first():
    try:
        fails(KeyError())
    finally:
        allocate("in finally on the way out")


def not_raised():
    try:
        pass
    except KeyError:
        pass
    else:
        allocate("in else")
    while True:
        try:
            return
        finally:
            allocate("in finally of a return")


class Manager:
    def __init__(self, label):
        self.label = label

    def __enter__(self):
        allocate(self.label + ": __enter__")

    def __exit__(self, *exception):
        allocate(self.label + ": __exit__")
        return True


def managed():
    with Manager("in order"):
        pass
    with Manager("raised"):
        fails(KeyError())
    with Manager("outer"), Manager("inner"):
        fails(KeyError())


def chained():
    try:
        try:
            fails(KeyError())
        except KeyError as error:
            raise ValueError() from error
    except ValueError:
        allocate("after raise from")


def raised_again():
    try:
        try:
            fails(KeyError())
        except KeyError:
            allocate("before raising again")
            raise
    except KeyError:
        allocate("raised again")


def formatted():
    try:
        fails(Speaking("in __str__, formatted"))
    except Speaking:
        traceback.format_exc()


def through_c():
    """The exception passes frames of C: sorted() and reduce() between those of Python."""

    def key(_):
        return functools.reduce(lambda *_: fails(KeyError()), [1, 2])

    try:
        sorted([1], key=key)
    except KeyError:
        allocate("raised through C")


def suppressed_by_c():
    class Attribute:
        def __getattr__(self, name):
            allocate("before AttributeError")
            raise AttributeError(name)

    getattr(Attribute(), "missing", allocate("default"))


def unwound(depth):
    """From far above down to the handler in one step, again and again."""
    if depth == 150:
        allocate()
        fails(KeyError())
    try:
        unwound(depth + 1)
    except KeyError:
        allocate()
        if depth % 50 == 0:
            return
        raise


def signalled():
    def handler(number, frame):
        allocate("in a signal handler")
        raise KeyError

    signal.signal(signal.SIGUSR2, handler)
    try:
        signal.raise_signal(signal.SIGUSR2)
        allocate("never")
    except KeyError:
        allocate("raised by a signal handler")


def unraisable():
    class Dies:
        def __del__(self):
            raise KeyError

    sys.unraisablehook = lambda _: allocate("in unraisablehook")
    one = Dies()
    del one
    sys.unraisablehook = sys.__unraisablehook__


def in_threads():
    original, threading.excepthook = threading.excepthook, lambda _: allocate("in threading.excepthook")
    thread = threading.Thread(target=fails, args=[KeyError()])
    thread.start()
    thread.join()
    threading.excepthook = original


def warned():
    warnings.showwarning = lambda *_: allocate("in showwarning")
    warnings.warn("text")


def printed():
    class Out(io.StringIO):
        def write(self, _):
            allocate()

    try:
        fails(Speaking("in __str__, printed"))
    except Speaking:
        traceback.print_exc(file=Out())


# except* is not there before Python 3.11, and would not compile.
GROUPS = """
def grouped():
    try:
        raise ExceptionGroup("two", [KeyError(), ValueError()])
    except* KeyError:
        allocate("in except*")
    except* ValueError:
        allocate("in the second except*")
grouped()
"""


def main():
    handled()
    try:
        finally_first()
    except KeyError:
        allocate("after finally")
    not_raised()
    managed()
    chained()
    raised_again()
    formatted()
    through_c()
    suppressed_by_c()
    unwound(0)
    signalled()
    unraisable()
    in_threads()
    warned()
    printed()
    if sys.version_info >= (3, 11):
        exec(GROUPS, {"allocate": allocate})


main()
finish()
