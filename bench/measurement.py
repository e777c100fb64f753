"""One run of one program, measured as a whole: from the start of the command to its end, with all its processes."""

import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path


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

    def to_json(self):
        return asdict(self)


def run(command, folder, trace=None):
    """Runs a command in a new folder of this path. A failure of the command ends the benchmark."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(folder / "stdout", "w+") as stdout, open(folder / "stderr", "w+") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (stdout, stderr):
            stream.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}:\n{stderr.read()}")
        output = stdout.read()
    trace_bytes = (folder / trace).stat().st_size if trace else 0
    # Linux gives KiB.
    return Measurement(wall_s, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, trace_bytes, output)


def background_share(command, folder, thread_name):
    """How much of a job's processor time its thread of this name took, 0 to 1.

    The kernel tells a thread's time as long as it lives, so it is asked again and again, in a run of its own.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    times = {}
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere)
        while process.poll() is None:
            for task in Path("/proc").glob(f"{process.pid}/task/*/children"):
                for child in _text(task).split():
                    for thread in Path(f"/proc/{child}/task").glob("*"):
                        on_processor = _text(thread / "schedstat").split()
                        if on_processor:
                            times[thread.name] = (_text(thread / "comm").strip(), int(on_processor[0]))
            time.sleep(0.02)
    everything = sum(spent for _, spent in times.values())
    background = sum(spent for name, spent in times.values() if name == thread_name)
    return background / everything if everything else 0.0


def _text(path):
    try:
        return path.read_text()
    except OSError:
        return ""
