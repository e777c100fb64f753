"""How many events a trace of fil's has."""

import re
import subprocess


def event_count(fil, trace):
    """0 if there is no such trace."""
    answer = subprocess.run([fil, "analyze", trace], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = re.search(r"^Events +([\d,]+)", answer.stdout, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else 0
