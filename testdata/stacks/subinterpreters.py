"""Sub-interpreters: on the main thread, on another thread, and with a thread of their own."""

import sys
import threading

from expect import allocate, finish

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

# Sizes by which the blocks are known: what is said here of stacks holds for this interpreter only.
ON_MAIN_THREAD = 1_000_000
ON_A_THREAD = 2_000_000
ON_ITS_OWN_THREAD = 3_000_000

SOURCE = """
def work():
    global block
    block = b"\\0" * %d

work()
"""

WITH_A_THREAD = """
import threading

def work():
    global block
    block = b"\\0" * %d

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def run(interpreter, source):
    interpreters.run_string(interpreter, source)


def main():
    allocate("before")
    created = [interpreters.create() for _ in range(3)]
    run(created[0], SOURCE % ON_MAIN_THREAD)
    allocate("between")
    thread = threading.Thread(target=run, args=(created[1], SOURCE % ON_A_THREAD))
    thread.start()
    thread.join()
    # Before Python 3.12 they are made so that they cannot start threads.
    if sys.version_info >= (3, 12):
        run(created[2], WITH_A_THREAD % ON_ITS_OWN_THREAD)
    allocate("after")
    return created


created = main()
finish()
for interpreter in created:
    interpreters.destroy(interpreter)
