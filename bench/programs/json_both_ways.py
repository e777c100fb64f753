"""json: what is parsed is written again. Argument: how often."""

import json
import sys

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1_100

record = {
    "id": 1234567,
    "name": "Ada Lovelace",
    "tags": ["first", "second", "third"],
    "position": {"x": 1.5, "y": -2.25, "z": None},
    "history": [{"at": number * 1000, "event": f"event {number}", "done": number % 2 == 0} for number in range(20)],
}

length = 0
text = json.dumps([record] * 40)
for _ in range(rounds):
    # With an indentation json uses its Python code rather than its C code.
    parsed = json.loads(text)
    text = json.dumps(parsed)
    length += len(json.dumps(parsed[:4], indent=1))
print(length + len(text))
