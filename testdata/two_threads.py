"""Two threads pass blocks to each other and free each other's, as fast as they can.

Each allocates bytearrays of a MiB and more, small objects, and blocks of the C library's malloc, sends them
through a queue, and frees what the other one sent, but for a few blocks that it keeps. In the end
`ballast` makes that moment the peak, and what is alive is printed as JSON: bytes by kind.
"""

import ctypes
import json
import queue
import sys
import threading

ROUNDS = int(sys.argv[1]) if sys.argv[1:] else 400
KEPT_EVERY = 100
MIB = 1 << 20

libc = ctypes.CDLL(None)
libc.posix_memalign.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None


# Of the blocks, by number of the block: so no line here holds a number object with an address.
addresses = (ctypes.c_void_p * (4 * ROUNDS))()
places = [ctypes.byref(addresses, 8 * block) for block in range(4 * ROUNDS)]


class Small:
    __slots__ = ("payload",)


def make_bytearray(size):
    return bytearray(size)


def make_small():
    return Small()


def make_c_block(size, block):
    assert libc.posix_memalign(places[block], 16, size) == 0


def send(outbox, offset, first_block):
    for number in range(ROUNDS):
        block = first_block + 2 * number
        size = MIB + 1024 * (number % 64) + offset
        make_c_block(size, block)
        outbox.put((number, make_bytearray(size), [make_small() for _ in range(20)], block, size))
        # Small ones, which malloc hands on from thread to thread through its own caches.
        make_c_block(24 + number % 500, block + 1)
        outbox.put((number, None, [], block + 1, 24 + number % 500))
    outbox.put(None)


def receive(inbox, kept):
    while (message := inbox.get()) is not None:
        number, array, small, block, size = message
        if number % KEPT_EVERY == 0:
            kept.append(message)
        else:
            libc.free(addresses[block])


def work(outbox, inbox, kept, offset, first_block):
    sender = threading.Thread(target=send, args=(outbox, offset, first_block), name="sender")
    sender.start()
    receive(inbox, kept)
    sender.join()


def size_of_code(function):
    """Up to 3.10 Python gives a function that is called often a cache, which belongs to the line of that call."""
    return sys.getsizeof(function.__code__)


def fill_free_lists():
    """Python keeps dead tuples to use them again, and the line that made one would go on holding it."""
    tuples = [tuple([None] * n) for n in range(1, 20) for _ in range(20)]
    del tuples


def main():
    fill_free_lists()
    makers = [make_bytearray, make_small, make_c_block]
    sizes_before = [size_of_code(maker) for maker in makers]
    there, back = queue.Queue(maxsize=8), queue.Queue(maxsize=8)
    kept = [[], []]
    threads = [
        threading.Thread(target=work, args=(there, back, kept[0], 0, 0), name="first"),
        threading.Thread(target=work, args=(back, there, kept[1], 7, 2 * ROUNDS), name="second"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ballast = bytearray(256 * MIB)
    messages = kept[0] + kept[1]
    expected = {
        "make_bytearray": sum(sys.getsizeof(array) for _, array, _, _, _ in messages if array is not None),
        "make_small": sum(sys.getsizeof(one) for _, _, small, _, _ in messages for one in small),
        "make_c_block": sum(size for _, _, _, _, size in messages),
        "main": sys.getsizeof(ballast),
    }
    for maker, size_before in zip(makers, sizes_before):
        expected[maker.__name__] += size_of_code(maker) - size_before
    print(json.dumps(expected))


main()
