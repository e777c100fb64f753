"""The tables of pyperformance's benchmarks, and the verdict on fil."""

import unittest

from pyperformance_report import markdown
from tests.results import results_of


def a_benchmark(name, **seconds):
    return {"name": name, "loops": 1, "seconds": {"python": [1.0, 1.0, 1.0], **seconds}, "event_counts": [7, 7, 7]}


def rows_of(*benchmarks):
    tables = markdown({**results_of(), "benchmarks": list(benchmarks)})
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in tables.splitlines())
    return {first: others for first, *others in cells}


def verdicts(*benchmarks):
    rows = rows_of(*benchmarks)
    return [rows[name][-1] for name in ("benchmarks that fail under fil", "geometric mean", "worst slowdown")]


MET, MISSED = "met", "**missed**"


class Report(unittest.TestCase):
    def test_tells_the_mean_of_medians_and_the_worst(self):
        rows = rows_of(
            a_benchmark("good", fil=[1.0, 1.0, 9.0], memray=[2.0] * 3), a_benchmark("bad", fil=[1.44] * 3, memray=[8.0] * 3)
        )
        self.assertEqual(rows["fil"], ["2", "1.200", "1.200 of 2", "1.44 (bad)"])
        self.assertEqual(rows["memray"], ["2", "4.000", "4.000 of 2", "8.00 (bad)"])
        self.assertEqual(rows["geometric mean"], ["1.20 or less", "1.200", MET])
        self.assertEqual(rows["worst slowdown"], ["2.5 or less", "1.44 (bad)", MET])

    def test_each_target_is_missed_by_itself(self):
        good = [a_benchmark(f"good {number}", fil=[1.0] * 3) for number in range(9)]
        self.assertEqual(verdicts(*good, a_benchmark("bad", fil=[2.51] * 3)), [MET, MET, MISSED])
        self.assertEqual(verdicts(a_benchmark("p", fil=[1.21] * 3)), [MET, MISSED, MET])

    def test_enough_must_have_run_under_all(self):
        enough = [a_benchmark(f"good {number}", fil=[1.0] * 3, memray=[2.0] * 3) for number in range(25)]
        what = "benchmarks run under fil, memray"
        self.assertEqual(rows_of(*enough)[what], ["25 or more", "25", MET])
        failed = a_benchmark("p", fil=[1.0] * 3, memray=[None] * 3)
        self.assertEqual(rows_of(*enough[1:], failed)[what], ["25 or more", "24", MISSED])

    def test_what_a_profiler_cannot_run_is_not_in_its_mean(self):
        rows = rows_of(
            a_benchmark("by all", fil=[1.1] * 3, memray=[2.0] * 3), a_benchmark("p", fil=[1.1] * 3, memray=[2.0, None, 2.0])
        )
        self.assertEqual(rows["p"][2], "failed")
        self.assertEqual(rows["memray"][:3], ["1", "2.000", "2.000 of 1"])
        self.assertEqual(rows["fil"][:3], ["2", "1.100", "1.100 of 1"])

    def test_what_fil_cannot_run_is_told_whoever_else_cannot(self):
        good = a_benchmark("good", fil=[1.0] * 3, memray=[2.0] * 3)
        for failed in (
            a_benchmark("p", fil=[1.0, None, 1.0], memray=[2.0] * 3), a_benchmark("p", fil=[None] * 3, memray=[None] * 3)
        ):
            self.assertEqual(rows_of(good, failed)["benchmarks that fail under fil"], ["0", "1 p", MISSED])

    def test_a_fil_that_can_run_nothing_is_told(self):
        rows = rows_of(a_benchmark("p", fil=[None] * 3))
        self.assertEqual(rows["benchmarks that fail under fil"][-1], MISSED)
        self.assertEqual(rows["fil"][0], "0")

    def test_what_python_cannot_run_says_nothing_of_fil(self):
        failed = a_benchmark("p", fil=[None] * 3)
        failed["seconds"]["python"] = [None] * 3
        self.assertEqual(verdicts(a_benchmark("good", fil=[1.0] * 3), failed), [MET, MET, MET])
