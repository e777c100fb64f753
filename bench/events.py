"""How many events fil has recorded. A recording that stopped, or that misses something, is not what is to be measured."""

import re
import subprocess

from progress import say


def recorded_events(messages):
    """By what `fil record` told on stderr when it was over. 0 if anything is missing."""
    found = re.search(r"^fil: recorded ([\d,]+) events?\b", messages, re.MULTILINE)
    return number(found) if "fil: warning:" not in messages else 0


def event_count(fil, trace):
    """By what fil says of a trace. 0 if there is none, or anything is missing."""
    answer = subprocess.run([fil, "analyze", trace], capture_output=True, text=True)
    if answer.returncode or answer.stderr:
        say(answer.stderr.strip())
        return 0
    return number(re.search(r"^Events +([\d,]+)", answer.stdout, re.MULTILINE))


def number(found):
    return int(found[1].replace(",", "")) if found else 0
