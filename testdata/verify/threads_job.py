"""Threads at different depths that allocate at the same time, and many that live shortly."""

import concurrent.futures
import json
import queue
import threading


def work(depth, number):
    if depth:
        return work(depth - 1, number) + 1
    text = json.dumps({"number": number, "list": list(range(number % 50))})
    return len(json.loads(text)["list"])


def pass_on(inbox, outbox):
    for one in iter(inbox.get, None):
        outbox.put([*one, len(one)])
    outbox.put(None)


with concurrent.futures.ThreadPoolExecutor(6) as pool:
    total = sum(pool.map(work, [number % 40 for number in range(600)], range(600)))

queues = [queue.Queue(3) for _ in range(5)]
threads = [threading.Thread(target=pass_on, args=pair) for pair in zip(queues, queues[1:])]
for thread in threads:
    thread.start()
feeder = threading.Thread(target=lambda: [queues[0].put(one) for one in [*([[n] for n in range(200)]), None]])
feeder.start()
passed = sum(len(one) for one in iter(queues[-1].get, None))
for thread in [*threads, feeder]:
    thread.join()

results = []
for number in range(300):
    thread = threading.Thread(target=lambda: results.append(work(number % 9, number)))
    thread.start()
    thread.join()
print(total, passed, sum(results))
