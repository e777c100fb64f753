"""Answers are judged where there are many events, and all that are too slow are named."""

import unittest

from answer_targets import answer_targets
from tests.results import a_program, a_run


def asked(name, event_count=20_000_000, **seconds):
    analyses = {key.replace("_", " ").replace("peak", "--peak"): one for key, one in seconds.items()}
    return {**a_program(name, fil=[a_run()] * 3), "analyses": analyses, "event_count": event_count}


def judged(*programs):
    return {target.what: (target.measured, target.is_met) for target in answer_targets(programs)}


class BesideMemray(unittest.TestCase):
    WHAT = "time of memray's stats, as a multiple of fil's --peak"

    def test_all_that_are_not_fast_enough_are_named(self):
        quick = asked("quick", fil_peak=1, memray_all_stats=30)
        slow = asked("slow", fil_peak=1, memray_all_stats=9)
        small = asked("small", event_count=999_999, fil_peak=1, memray_all_stats=2)
        self.assertEqual(judged(quick, slow, small)[self.WHAT], ("19.5 in the median; below it: slow 9.0", False))
        self.assertEqual(judged(quick)[self.WHAT], ("30.0 in the median", True))

    def test_without_memray_there_is_nothing_to_judge(self):
        self.assertNotIn(self.WHAT, judged(asked("alone", fil_peak=1)))


class Peak(unittest.TestCase):
    def test_is_judged_by_events_per_second(self):
        what = "million events per second of fil's --peak"
        self.assertEqual(judged(asked("quick", fil_peak=0.5))[what], ("40.0 in the median", True))
        slow, small = asked("slow", fil_peak=0.51), asked("small", event_count=9_999_999, fil_peak=9)
        self.assertEqual(judged(slow, small)[what], ("39.2 in the median; below it: slow 39.2", False))

    def test_is_judged_by_what_a_second_processor_brings(self):
        what = "speed of fil's --peak on two processors, as a multiple of that on one"
        program = {**asked("p", fil_peak=1.0)}
        for seconds, is_met in ((1.6, True), (1.59, False)):
            program["analyses"]["fil --peak on one"] = seconds
            self.assertEqual(judged(program)[what][1], is_met)


class NothingAsked(unittest.TestCase):
    def test_is_nothing_to_judge(self):
        self.assertEqual(judged(a_program("p", fil=[a_run()] * 3)), {})
