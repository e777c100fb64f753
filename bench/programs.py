"""The programs that are measured, and how much slower fil may make each."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "programs"
SEED = Path(__file__).parent.parent / "testdata" / "seed.py"


@dataclass(frozen=True)
class Program:
    """A program of Python, and how often it is slower under fil at most."""

    name: str
    arguments: tuple
    """Those of the interpreter."""
    what: str
    target: float | None
    """Greatest median of the slowdown; none where there is a target of another kind, or none by itself."""
    pure_python: bool = False
    """Whether it is one of the programs of pure Python, by whose events and times traces and the background thread are
    judged."""
    rounds: int = 1
    """Times as many rounds as usual, for what is short."""


def _program(name, what, target, *arguments, **others):
    return Program(name, (str(FOLDER / f"{name.split()[0]}.py"), *arguments), what, target, **others)


def programs(native_library):
    """All of them, in the order of the table."""
    return (
        Program("seed example", (str(SEED),), "numpy arrays, 0.2 s with imports", None, rounds=3),
        _program("records", "records, dicts and strings", 1.25, pure_python=True),
        _program("json_both_ways", "json parsed and written", 1.25, pure_python=True),
        _program("calls", "calls without allocations", 1.02),
        _program("pandas_pipeline", "read, group, merge, pivot, sort", 1.15),
        _program("scikit_learn_fits", "fits of several models", 1.15),
        _program("polars_and_pyarrow", "threads and allocators of their own", 1.15),
        _program("python_threads", "4 Python threads, str() only", 2.5, pure_python=True),
        _program("native_threads", "4 C threads, malloc and free only", 2.5, str(native_library)),
        # One of pure Python, in three depths.
        _program("recursion 10", "allocations 10 calls deep", None, "10"),
        _program("recursion 200", "allocations 200 calls deep", None, "200", pure_python=True),
        # Half as many: Fil takes a hundred times as long for it.
        _program("recursion 900", "allocations 900 calls deep", None, "900", "4_000_000"),
        _program("asyncio_tasks", "12 000 pairs of tasks", 1.25, pure_python=True),
        _program("large_cache", "10 M small objects that stay", 1.25, pure_python=True),
        _program("nothing", "start-up alone", None, rounds=4),
        _program("import_pandas", "start-up with a large library", 1.15, rounds=2),
    )
