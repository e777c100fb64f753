"""What Linux tells of threads is read as it is meant."""

import sys
import tempfile
import unittest
from pathlib import Path

from inside import TICK_S, look_inside, name_and_user_s

BUSY = """
import threading, time
def work():
    while time.thread_time() < 0.3: sum(range(10_000))
thread = threading.Thread(target=work)
thread.start()
open("/proc/self/task/%d/comm" % thread.native_id, "w").write("fil-recorder")
thread.join()
"""
# What `fil record` tells when it is over.
RECORDED = "echo fil: recorded 1,000 events in trace.fil >&2"


class Inside(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fil-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_name_may_have_spaces_and_parentheses(self):
        fields = " ".join(str(number) for number in range(4, 53))
        (self.folder / "stat").write_text(f"12 (a) b (c) S {fields}\n")
        self.assertEqual(name_and_user_s(self.folder), ("a) b (c", 14 * TICK_S))

    def test_a_thread_that_is_no_more_has_no_name(self):
        self.assertEqual(name_and_user_s(self.folder), ("", 0))

    def test_the_recorders_thread_is_told_from_the_jobs(self):
        command = ("/bin/sh", "-c", f'"$0" -c "$1"; {RECORDED}', sys.executable, BUSY)
        looked = look_inside(command, self.folder / "run")
        self.assertGreater(looked.background_user_s, 0.05)
        self.assertLess(looked.job_user_s, looked.background_user_s)
        self.assertGreater(looked.fil_resident_bytes, 0)

    def test_what_was_not_recorded_as_a_whole_is_not_looked_at(self):
        with self.assertRaisesRegex(SystemExit, "not recorded as a whole"):
            look_inside(("/bin/sh", "-c", f"{RECORDED}; echo fil: warning: it stopped >&2"), self.folder / "run")
