"""The tables of a result."""

import unittest

from report import markdown
from tests.results import a_program, a_run, results_of


class Tables(unittest.TestCase):
    def setUp(self):
        program = a_program("p", 1.5, fil=[a_run(2.0, trace_bytes=5_000_000)] * 3, memray=[a_run(3.0)] * 3, Fil=[a_run(9.0)] * 3, background_s=0.05)
        program["analyses"] = {"fil --peak": 0.5, "memray stats": 2.0}
        program["event_count"] = 10_000_000
        self.tables = [table.splitlines() for table in markdown(results_of(program)).split("\n\n")]

    def row_of(self, first_header):
        (table,) = (table for table in self.tables if table[0].startswith(f"| {first_header} |"))
        return dict(zip(cells(table[0]), cells(table[2])))

    def test_all_rows_have_a_cell_for_each_header(self):
        for table in self.tables[1:]:
            self.assertEqual(len({len(cells(line)) for line in table}), 1, table)

    def test_say_what_was_measured(self):
        slowdown = self.row_of("slowdown")
        self.assertEqual(slowdown["fil"], "2.00 (2.00–2.00)")
        self.assertEqual(slowdown["fil, least times"], "2.00")
        self.assertEqual(self.row_of("added to")["Fil: wall s"], "8")
        self.assertEqual(self.row_of("trace of")["fil: bytes per event"], "0.50")
        self.assertEqual(self.row_of("trace of")["background thread"], "5.0%")

    def test_give_events_per_second_only_to_those_who_have_seen_them_all(self):
        answers = self.row_of("answers of")
        self.assertEqual(answers["fil --peak, s"], "0.50 (20 M/s)")
        self.assertEqual(answers["memray stats, s"], "2.00")

    def test_say_where_a_target_is_missed(self):
        missed = {"target": "slowdown of p", "wanted": "1.5", "measured": "2.000", "": "**missed**"}
        self.assertEqual(self.row_of("target"), missed)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]
