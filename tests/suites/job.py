"""Runs a command in a fresh folder with a known environment, limited in time and address space."""

import os
import resource
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TIMED_OUT = "timeout"


@dataclass
class Ended:
    """How a command ended: an exit code, minus the number of a signal, or TIMED_OUT."""

    code: object
    seconds: float
    error_lines: list


def run(command, folder, extra_environment=(), *, timeout_seconds, memory_bytes):
    """Runs `command` in `folder`, which is made; its output goes to files beside the folder."""
    folder.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        **dict(extra_environment),
    }

    def prepare():
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        # A shell's background jobs ignore it from the start, and tests that send it would fail.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    errors = folder.with_name(f"{folder.name}.stderr")
    with open(folder.with_name(f"{folder.name}.stdout"), "wb") as stdout, open(errors, "wb") as stderr:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(argument) for argument in command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=prepare,
        )
        try:
            code = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            code = TIMED_OUT
        finally:
            # Also what a test left behind, so that it cannot disturb the next one.
            _kill_group(process)
        seconds = time.monotonic() - started
    return Ended(code, seconds, errors.read_text(errors="replace").splitlines())


def _kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
