"""What runs a program: Python alone, or one of the profilers, each as its documentation says."""

from dataclasses import dataclass

# What fil is asked.
PEAK = "--peak"
PEAK_ON_ONE = "--peak on one"


@dataclass(frozen=True)
class Profiler:
    """A way to run a program, and what it leaves in the folder where it ran."""

    name: str
    prefix: tuple
    """What stands in front of the interpreter's arguments."""
    trace: str | None = None
    """The file that it records into."""
    analyses: tuple = ()
    """Names and commands that answer from the trace."""


def profilers(fil, environment):
    """Python alone first, then fil, then the others."""
    python = str(environment / "bin" / "python")
    memray = str(environment / "bin" / "memray")
    record = (python, "-m", "memray", "run", "--quiet", "--force", "--output", "trace.bin")
    memray_analyses = (
        ("flamegraph", (memray, "flamegraph", "--force", "--output", "flamegraph.html", "trace.bin")),
        ("stats", (memray, "stats", "trace.bin")),
    )
    peak = (fil, "analyze", "trace.fil", "--peak")
    fil_analyses = (
        (PEAK, peak),
        (PEAK_ON_ONE, ("env", "RAYON_NUM_THREADS=1", *peak)),
        ("--flamegraph", (fil, "analyze", "trace.fil", "--flamegraph", "flamegraph.svg")),
    )
    return (
        Profiler("python", (python,)),
        Profiler("fil", (fil, "record", "--output", "trace.fil", "--", python), "trace.fil", fil_analyses),
        Profiler("memray", record, "trace.bin", memray_analyses),
        Profiler("memray all", (*record, "--trace-python-allocators"), "trace.bin", memray_analyses),
        Profiler("Fil", (str(environment / "bin" / "fil-profile"), "--no-browser", "-o", "report", "run")),
    )
