"""Whether a target is met is told by what was measured, and of the programs that miss it all are named."""

import unittest

from targets import targets
from tests.results import a_program, a_run, results_of


def judged(*programs):
    return {target.what: target for target in targets(results_of(*programs))}


class Slowdown(unittest.TestCase):
    def test_is_the_median_of_what_each_round_has(self):
        # The quotients are 3.0, 1.1 and 1.0, that of the medians would be 1.5.
        program = a_program("p", 1.1, plain_s=(1.0, 2.0, 4.0), fil=[a_run(3.0), a_run(2.2), a_run(4.0)])
        target = judged(program)["slowdown of p"]
        self.assertEqual(target.measured, "1.100")
        self.assertTrue(target.is_met)

    def test_is_missed_by_the_least_bit_more(self):
        target = judged(a_program("p", 1.1, fil=[a_run(1.1001)] * 3))["slowdown of p"]
        self.assertEqual(target.measured, "1.100")
        self.assertFalse(target.is_met)

    def test_of_a_program_without_a_target_is_not_judged(self):
        self.assertNotIn("slowdown of p", judged(a_program("p", fil=[a_run()] * 3)))


class StartUp(unittest.TestCase):
    def test_is_what_is_added_to_a_program_that_does_nothing(self):
        target = judged(a_program("nothing", fil=[a_run(1.014)] * 3))["start-up"]
        self.assertEqual(target.measured, "14.0 ms")
        self.assertTrue(target.is_met)
        self.assertFalse(judged(a_program("nothing", fil=[a_run(1.016)] * 3))["start-up"].is_met)

    def test_is_allowed_to_the_seed_example_beside_its_slowdown(self):
        nothing = a_program("nothing", fil=[a_run(1.01)] * 3)
        for seconds, is_met in ((1.059, True), (1.061, False)):
            seed = a_program("seed example", fil=[a_run(seconds)] * 3)
            target = judged(nothing, seed)["added to the seed example: 5% and start-up"]
            self.assertEqual(target.wanted, "60.0 ms")
            self.assertEqual(target.is_met, is_met)


class Peers(unittest.TestCase):
    def test_all_that_miss_it_are_named_and_the_worst_first(self):
        def compared(name, fil, memray):
            return a_program(name, fil=[a_run(fil)] * 3, memray=[a_run(memray)] * 3)

        programs = (compared("good", 1.1, 1.5), compared("worse", 1.5, 1.25), compared("bad", 1.6, 1.5))
        target = judged(*programs)["added time, of what memray's default adds"]
        self.assertEqual(target.measured, "2.00 (worse); worse, bad miss it")
        self.assertFalse(target.is_met)
        self.assertTrue(judged(programs[0])["added time, of what memray's default adds"].is_met)

    def test_a_third_of_what_fil_adds_is_too_much(self):
        for fil, is_met in ((1.24, True), (1.26, False)):
            program = a_program("p", fil=[a_run(fil)] * 3, Fil=[a_run(1.75)] * 3)
            self.assertEqual(judged(program)["added time, of what Fil adds"].is_met, is_met)


    def test_nothing_is_too_little_where_a_peer_adds_nothing(self):
        for peer_s in (0.9, 1.0):
            program = a_program("p", fil=[a_run(1.1)] * 3, memray=[a_run(peer_s)] * 3)
            target = judged(program)["added time, of what memray's default adds"]
            self.assertEqual((target.measured, target.is_met), ("inf (p)", False))


class Recursion(unittest.TestCase):
    def test_is_judged_by_what_an_event_costs(self):
        shallow = a_program("recursion 10", fil=[a_run(2.0)] * 3)
        # Three times the time, for twice the events.
        deep = {**a_program("recursion 200", fil=[a_run(4.0)] * 3), "event_count": 2000}
        target = judged(shallow, deep)["an event 200 calls deep, as a multiple of one 10 calls deep"]
        self.assertEqual((target.measured, target.is_met), ("1.50", True))


class Sizes(unittest.TestCase):
    def test_of_extra_memory_the_worst_counts(self):
        good = a_program("good", fil=[a_run(resident_mib=20)] * 3)
        bad = a_program("bad", fil=[a_run(resident_mib=27)] * 3)
        self.assertTrue(judged(good)["extra memory of the job"].is_met)
        target = judged(good, bad)["extra memory of the job"]
        self.assertEqual((target.measured, target.is_met), ("17.0 MiB (bad)", False))

    def test_of_traces_all_events_count_the_same(self):
        small = a_program("small", pure_python=True, fil=[a_run(trace_bytes=3000)] * 3)
        large = {**a_program("large", fil=[a_run(trace_bytes=9000)] * 3), "event_count": 9000}
        found = judged(small, large)
        self.assertEqual(found["bytes per event, all"].measured, "1.20; above it: small 3.00")
        self.assertTrue(found["bytes per event, all"].is_met)
        self.assertFalse(found["bytes per event, pure Python"].is_met)


class Background(unittest.TestCase):
    def test_is_a_share_of_what_all_pure_programs_take_without_fil(self):
        light = a_program("light", pure_python=True, plain_s=(2.0,) * 3, fil=[a_run(9.0)] * 3, background_s=0.1)
        heavy = a_program("heavy", pure_python=True, plain_s=(2.0,) * 3, fil=[a_run(9.0)] * 3, background_s=0.3)
        ignored = a_program("ignored", fil=[a_run()] * 3, background_s=9.0)
        (target,) = (target for what, target in judged(light, heavy, ignored).items() if "background" in what)
        self.assertEqual(target.measured, "10.0%; above it: heavy 15.0%")
        self.assertTrue(target.is_met)


class WithoutFil(unittest.TestCase):
    def test_there_is_nothing_to_judge(self):
        self.assertEqual(judged(a_program("p", 1.1, memray=[a_run()] * 3)), {})
