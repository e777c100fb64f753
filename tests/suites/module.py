"""One module of a test suite: where it is found and how it is run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

# CPython 3.11.7 installs the tests of multiprocessing, but not the modules that select them. The ones
# here have names of their own: regrtest would look for the others where they should have been.
_UNINSTALLED = Path(__file__).resolve().parent / "uninstalled"

_IS_INSTALLED = """
import importlib.util, sys
try:
    found = importlib.util.find_spec(sys.argv[1]) is not None
except ModuleNotFoundError:
    found = False
sys.exit(0 if found else 1)
"""


@dataclass(frozen=True)
class Module:
    """A module that the Python in question has, or whose place one in `uninstalled` takes."""

    name: str
    stand_in: object = None
    """What regrtest runs instead, by name."""


def find_module(python, suite_name, name):
    """The module, or None if this Python does not have it."""
    # Names of regrtest are relative to the package `test`.
    full_name = f"test.{name}" if suite_name == "cpython" else name
    if subprocess.run([python, "-c", _IS_INSTALLED, full_name], check=False).returncode == 0:
        return Module(name)
    stand_in = f"all_of_{name}"
    return Module(name, stand_in) if (_UNINSTALLED / f"{stand_in}.py").exists() else None


def regrtest(module, xml_path):
    """Arguments of Python that run a module of CPython's suite."""
    # -u none: no network, no tests that take much processor time, disk or memory. A changed
    # environment is a thread, process, descriptor or setting that the module left behind.
    options = ["-v", "-u", "none", "--fail-env-changed"]
    if module.stand_in:
        options += ["--testdir", _UNINSTALLED]
    return ["-m", "test", *options, "--junit-xml", xml_path, module.stand_in or module.name]


def pytest(module, xml_path):
    """Arguments of Python that run a module or package whose tests are pytest's."""
    marks = "not slow and not network and not db and not single_cpu"
    plugins = ["-p", "no:cacheprovider"]
    return ["-m", "pytest", "-q", *plugins, "-m", marks, f"--junit-xml={xml_path}", "--pyargs", module.name]
