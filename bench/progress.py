"""What is told to whoever waits."""

import sys


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)
