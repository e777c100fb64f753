"""Arguments of the runners."""

import argparse
from pathlib import Path


def parser(description, program):
    """With what all of them take. `scripts/bench` gives the first two."""
    arguments = argparse.ArgumentParser(description=description.splitlines()[0], prog=program)
    arguments.add_argument("--fil", required=True, help=argparse.SUPPRESS)
    arguments.add_argument("--environment", required=True, type=Path, help=argparse.SUPPRESS)
    help_of_programs = "only those whose names contain one of these words"
    arguments.add_argument("--programs", default="", metavar="NAMES", help=help_of_programs)
    return arguments


def add_runs(arguments, output):
    """What runners take that measure in rounds and write results."""
    arguments.add_argument("--rounds", type=count, default=5, help="counted rounds (5)")
    arguments.add_argument("--profilers", default="", metavar="NAMES", help="only these, separated by commas (and python)")
    help_of_output = f"where the results go ({output}); tables go to a file ending in .md beside it"
    arguments.add_argument("--output", type=json_file, default=Path(output), help=help_of_output)


def count(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def json_file(text):
    path = Path(text)
    if path.suffix != ".json":
        raise argparse.ArgumentTypeError(f"{text} does not end in .json")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of {text} does not exist")
    return path


def chosen_profilers(wanted, known):
    """Those of the known names that are wanted, and Python itself: without a wish all."""
    names = [name for name in wanted.split(",") if name] or known
    if unknown := set(names) - set(known):
        raise SystemExit(f"bench: there is no profiler {', '.join(sorted(unknown))}")
    return [name for name in known if name in ("python", *names)]


def has_word(name, words):
    """Whether it contains one of these, or there are none."""
    return not words.split() or any(word in name for word in words.split())
