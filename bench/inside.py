"""A recording from the inside: what its single threads and processes take, by what Linux tells of them while they live.

Linux is asked again and again, which takes time too, so this is a run of its own.
"""

import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from events import recorded_events
from measurement import ENVIRONMENT, make_new

BACKGROUND_THREAD = "fil-recorder"
BETWEEN_LOOKS_S = 0.02
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Inside:
    """What is known of a recording."""

    job_user_s: float
    """User time of the job's own threads."""
    background_user_s: float
    """That of the recorder's thread in the job."""
    fil_resident_bytes: int
    """The most resident memory of `fil record` itself, with the pages of its own file."""

    def to_json(self):
        return asdict(self)


def look_inside(command, folder):
    """Runs a command that begins with `fil record`, and looks. A short job may be over before its threads were seen."""
    make_new(folder)
    threads, resident_bytes = {}, 0
    with open(folder / "stderr", "w") as stderr:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": stderr}
        process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **streams)
    while process.poll() is None:
        resident_bytes = most_resident_bytes(process.pid) or resident_bytes
        for job_process in descendants(process.pid):
            for thread in Path(f"/proc/{job_process}/task").glob("*"):
                name, user_s = name_and_user_s(thread)
                if name:
                    threads[thread] = (name, user_s)
        time.sleep(BETWEEN_LOOKS_S)
    messages = text(folder / "stderr")
    if process.returncode != 0 or not recorded_events(messages):
        raise SystemExit(f"{command} ended with {process.returncode}, or was not recorded as a whole:\n{messages}")
    background_user_s = sum(user_s for name, user_s in threads.values() if name == BACKGROUND_THREAD)
    return Inside(sum(user_s for _, user_s in threads.values()) - background_user_s, background_user_s, resident_bytes)


def descendants(process):
    """Those that a process has started, and those that they have."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in text(task).split():
            yield child
            yield from descendants(child)


def name_and_user_s(thread):
    """Of this folder in /proc. No name if the thread is no more."""
    # proc(5): the second field is the name, in parentheses; the 14th is the user time, in clock ticks.
    _, _, rest = text(thread / "stat").partition("(")
    name, _, fields = rest.rpartition(")")
    return (name, int(fields.split()[11]) * TICK_S) if fields else ("", 0)


def most_resident_bytes(process):
    """The most that a process has had until now, or 0 if it is no more."""
    for line in text(Path(f"/proc/{process}/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def text(path):
    try:
        return path.read_text()
    except OSError:
        return ""
