"""One run of one program, measured as a whole: from the start of the command to its end, with all its processes."""

import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

LAUNCHER = Path(__file__).parent / "launch.py"
# Strings hash the same in all runs, so that all do the same work.
SAME_HASHES = {"PYTHONHASHSEED": "0"}
ENVIRONMENT = {**os.environ, **SAME_HASHES}


@dataclass(frozen=True)
class Measurement:
    """What a run took."""

    wall_s: float
    user_s: float
    system_s: float
    resident_bytes: int
    """Greatest resident memory of one of its processes."""
    trace_bytes: int
    output: str
    """What the program printed."""
    messages: str
    """What stands on stderr."""

    def to_json(self):
        return asdict(self)


def run(command, folder, trace=None):
    """Runs a command in a new folder of this path. A failure of the command ends the benchmark."""
    make_new(folder)
    # What others wrote is on the disk: nobody has to wait for that.
    os.sync()
    launched = (sys.executable, "-I", "-S", LAUNCHER, folder / "usage", *command)
    with open(folder / "stdout", "w") as stdout, open(folder / "stderr", "w") as stderr:
        streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": stderr}
        code = subprocess.run(launched, cwd=folder, env=ENVIRONMENT, **streams).returncode
    if code != 0:
        raise SystemExit(f"{command} ended with {code}:\n{(folder / 'stderr').read_text()}")
    wall_s, user_s, system_s, resident_kib = (folder / "usage").read_text().split()
    trace_bytes = (folder / trace).stat().st_size if trace else 0
    output, messages = (folder / "stdout").read_text(), (folder / "stderr").read_text()
    times = float(wall_s), float(user_s), float(system_s)
    return Measurement(*times, int(resident_kib) * 1024, trace_bytes, output, messages)


def make_new(folder):
    """An empty folder at this path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
