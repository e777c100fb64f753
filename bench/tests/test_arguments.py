"""What is wrong with the arguments is said before anything is measured."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from arguments import add_runs, chosen_profilers, parser


def parse(*words):
    arguments = parser("A runner.", "scripts/bench")
    add_runs(arguments, "benchmark.json")
    return arguments.parse_args(["--fil", "fil", "--environment", "folder", *words])


class Arguments(unittest.TestCase):
    def test_rounds_are_counted_from_1(self):
        self.assertEqual(parse("--rounds", "1").rounds, 1)
        for text in ("0", "-1", "many"):
            self.assert_refused("--rounds", text)

    def test_results_go_to_a_json_file_in_a_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(parse("--output", f"{folder}/x.json").output, Path(folder, "x.json"))
            self.assert_refused("--output", f"{folder}/x.md")
            self.assert_refused("--output", f"{folder}/missing/x.json")

    def test_profilers_are_chosen_by_name_and_python_is_always_there(self):
        known = ["python", "fil", "memray"]
        self.assertEqual(chosen_profilers("", known), known)
        self.assertEqual(chosen_profilers("memray,", known), ["python", "memray"])
        with self.assertRaisesRegex(SystemExit, "no profiler heaptrack"):
            chosen_profilers("fil,heaptrack", known)

    def assert_refused(self, *words):
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            parse(*words)
