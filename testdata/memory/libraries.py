"""Data in memory of allocators that libraries bring along. Prints by how much anonymous memory grew for each, as the kernel
tells it."""

import json
import time

import polars
import pyarrow

DATA = 400_000_000


def anonymous_bytes():
    """Of mappings that can be written to, without the heap and the stack, in which nothing of this is."""
    total = 0
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            if fields[1] == "rw-p" and fields[4] == "0" and len(fields) == 5:
                start, end = (int(address, 16) for address in fields[0].split("-"))
                total += end - start
    return total


def settled_anonymous_bytes():
    """When no thread starts any more: their stacks are such mappings too."""
    while True:
        bytes = anonymous_bytes()
        time.sleep(0.05)
        if anonymous_bytes() == bytes:
            return bytes


def mimalloc(bytes):
    return pyarrow.allocate_buffer(bytes, memory_pool=pyarrow.mimalloc_memory_pool())


def jemalloc(bytes):
    return pyarrow.allocate_buffer(bytes, memory_pool=pyarrow.jemalloc_memory_pool())


def frame(bytes):
    return polars.repeat(1, bytes // 8, dtype=polars.Int64, eager=True)


functions = mimalloc, jemalloc, frame
# What is started for the first data, threads among it, is not what the data take.
first = [function(1000) for function in functions]
grown = {}
held = []
for function in functions:
    before = settled_anonymous_bytes()
    held.append(function(DATA))
    grown[function.__name__] = anonymous_bytes() - before
print(json.dumps(grown))
