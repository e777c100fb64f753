"""Forks again and again while eight threads allocate all the time. Each child allocates and exits."""

import os
import sys
import threading
import zlib

FORKS = int(sys.argv[1])
THREADS = 8
stop = threading.Event()


def allocate_objects():
    while not stop.is_set():
        kept = [str(number) * 3 for number in range(1000)]
        kept.clear()


def allocate_in_c():
    """zlib allocates and frees without the interpreter's lock."""
    data = os.urandom(1000)
    while not stop.is_set():
        zlib.decompress(zlib.compress(data))


def short_lived():
    while not stop.is_set():
        thread = threading.Thread(target=bytes, args=(10_000,))
        thread.start()
        thread.join()


kinds = [allocate_objects, allocate_in_c, allocate_in_c, short_lived]
threads = [threading.Thread(target=kinds[index % len(kinds)]) for index in range(THREADS)]
for thread in threads:
    thread.start()
codes = set()
for _ in range(FORKS):
    child = os.fork()
    if child == 0:
        held = [bytearray(10_000) for _ in range(100)]
        os._exit(7)
    codes.add(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
print(sorted(codes))
