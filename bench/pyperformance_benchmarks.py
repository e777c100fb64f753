"""Which of pyperformance's benchmarks are run: those that need no server and no network, with one variant of each script."""

from dataclasses import dataclass
from pathlib import Path

import pyperformance

FOLDER = Path(pyperformance.__file__).parent / "data-files" / "benchmarks"

_SCRIPTS = """
2to3 async_generators async_tree asyncio_tcp chaos comprehensions coroutines crypto_pyaes deepcopy deltablue
django_template docutils dulwich_log fannkuch float gc_collect gc_traversal generators genshi go hexiom html5lib
json_dumps json_loads logging mako mdp meteor_contest nbody nqueens pathlib pickle pidigits pyflate
python_startup raytrace regex_compile regex_dna regex_effbot regex_v8 richards scimark spectral_norm sqlglot_v2
sqlite_synth sympy telco tomli_loads typing_runtime_protocols unpack_sequence xml_etree
""".split()

# Where a script holds several.
_VARIANTS = {
    "async_tree": ("none",),
    "genshi": ("xml",),
    "logging": ("format",),
    "pickle": ("--pure-python", "pickle"),
    "scimark": ("sor",),
    "sqlglot_v2": ("optimize",),
    "sympy": ("expand",),
    "xml_etree": ("process",),
}


@dataclass(frozen=True)
class Benchmark:
    """A script of pyperformance's, and what it is to do."""

    name: str
    arguments: tuple

    @property
    def command(self):
        return (str(FOLDER / f"bm_{self.name}" / "run_benchmark.py"), *self.arguments)


def benchmarks():
    return [Benchmark(name, _VARIANTS.get(name, ())) for name in _SCRIPTS]


def requirements():
    """Files that tell what the scripts need, for pip."""
    return sorted(str(file) for name in _SCRIPTS for file in [FOLDER / f"bm_{name}" / "requirements.txt"] if file.exists())


if __name__ == "__main__":
    print("\n".join(requirements()))
