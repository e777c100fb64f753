"""A cache of ten million small objects that lives until the end."""

cache = {}
for number in range(3_400_000):
    cache[number] = (str(number), number * 1.5)
print(len(cache))
