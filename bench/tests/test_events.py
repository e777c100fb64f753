"""A recording counts only if nothing is missing."""

import unittest

from events import recorded_events

ENDED = "fil: the job exited with code 0 after 2.59 s\n"
RECORDED = "fil: recorded 192,663 events of 2 processes in trace.fil: 633.3 KiB, 3.37 bytes per event\n"


class RecordedEvents(unittest.TestCase):
    def test_are_those_that_fil_tells(self):
        self.assertEqual(recorded_events(f"the job's own words\n{ENDED}{RECORDED}"), 192_663)

    def test_are_none_if_the_recording_stopped(self):
        stopped = "fil: warning: process 7: recording stopped: the disk is full\n"
        self.assertEqual(recorded_events(ENDED + RECORDED + stopped), 0)

    def test_are_none_without_a_recording(self):
        self.assertEqual(recorded_events(ENDED), 0)
