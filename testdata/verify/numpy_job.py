"""Arrays: slices, broadcasting, sorting, callbacks from C, printing, files in memory."""

import io

import numpy as np

random = np.random.default_rng(7)
total = 0.0
for size in range(1, 120):
    array = random.integers(0, 1000, (size, 3)).astype(float)
    total += float((array @ array.T).sum()) + float(np.sort(array, axis=0)[0].sum())
    total += float(np.apply_along_axis(lambda row: row.max() - row.min(), 1, array).sum())
    total += len(str(array)) + len(repr(array[: size // 2]))
    structured = np.array([(one, str(one)) for one in range(size)], dtype=[("number", int), ("text", "U8")])
    total += int(structured["number"].sum())
file = io.BytesIO()
np.savez(file, a=np.arange(1000), b=np.eye(10))
file.seek(0)
with np.load(file) as loaded:
    total += float(loaded["a"].sum() + loaded["b"].sum())
objects = np.array([{"a": one} for one in range(500)], dtype=object)
total += sum(one["a"] for one in np.vectorize(lambda one: one)(objects))
print(total)
