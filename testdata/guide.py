"""The job of the user guide: it reads measurements, joins and sums them up, and writes a report."""

import json
import time

import numpy as np


def read(count):
    lines = [f"{number},{number % 97}" for number in range(count)]
    return np.array([line.split(",") for line in lines], dtype=float)


def normalize(table):
    copy = table.copy()
    copy -= copy.mean(axis=0)
    return copy / copy.std(axis=0)


def correlate(table, windows):
    results = []
    for window in range(1, windows):
        shifted = np.roll(table, window, axis=0)
        results.append(float((table * shifted).mean()))
    return results


def write(results):
    return json.dumps({"results": results})


table = read(400_000)
time.sleep(0.2)
normal = normalize(table)
report = write(correlate(normal, 20))
time.sleep(0.2)
print(len(report))
