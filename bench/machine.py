"""What was measured, and where."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path


def machine(fil, environment, packages):
    """The machine, fil, and those of these packages that the environment has."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    pip = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "list", "--format=json"]
    listed = {one["name"].lower(): one["version"] for one in json.loads(subprocess.check_output(pip))}
    return {
        "processor": cpu,
        "processors": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "fil": subprocess.check_output([fil, "--version"], text=True).strip(),
        "commit": commit(),
        "packages": {name: listed[name] for name in packages if name in listed},
        "load_average": os.getloadavg()[0],
        "day": time.strftime("%Y-%m-%d"),
    }


def commit():
    """What is checked out here, and whether anything was changed since."""
    git = ["git", "-C", Path(__file__).parent]
    try:
        name = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True, stderr=subprocess.DEVNULL).strip()
        changed = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return "no commit known"
    return f"commit {name}, with changes" if changed else f"commit {name}"
