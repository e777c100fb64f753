"""Runs are compared only if they did the same, and the first one does not count."""

import unittest
from pathlib import Path
from types import SimpleNamespace

from benchmark import check_outputs, result
from measurement import Measurement
from programs import Program


def a_run(wall_s, output="42\n"):
    return Measurement(wall_s, wall_s, 0.0, 2**20, 0, output, "")


PROGRAM = Program("p", (), "", None)


class Outputs(unittest.TestCase):
    def test_must_be_the_same(self):
        check_outputs(PROGRAM, {"python": [a_run(1.0)] * 2, "memray": [a_run(1.0)] * 2})
        with self.assertRaisesRegex(SystemExit, "printed"):
            check_outputs(PROGRAM, {"python": [a_run(1.0)] * 2, "memray": [a_run(1.0), a_run(1.0, "43\n")]})

    def test_of_fil_may_have_its_own_words_behind_them(self):
        check_outputs(PROGRAM, {"python": [a_run(1.0)], "Fil": [a_run(1.0, "42\nPreparing to write\n")]})
        with self.assertRaises(SystemExit):
            check_outputs(PROGRAM, {"python": [a_run(1.0)], "Fil": [a_run(1.0, "Preparing to write\n")]})
        with self.assertRaises(SystemExit):
            check_outputs(PROGRAM, {"python": [a_run(1.0)], "memray": [a_run(1.0, "42\nmore\n")]})


class WarmUp(unittest.TestCase):
    def test_does_not_count(self):
        runs = {"python": [a_run(wall_s) for wall_s in (9.0, 1.0, 2.0)]}
        python = SimpleNamespace(name="python", analyses=())
        measured = result(PROGRAM, runs, [python], SimpleNamespace(no_analysis=True), Path("/nowhere"))
        self.assertEqual([one["wall_s"] for one in measured["runs"]["python"]], [1.0, 2.0])
