"""Four Python threads that do nothing but allocate, and pass the GIL on all the time."""

import threading


def work(results, index):
    length = 0
    for number in range(4_000_000):
        length += len(str(number))
    results[index] = length


results = [0] * 4
threads = [threading.Thread(target=work, args=(results, index)) for index in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(results))
