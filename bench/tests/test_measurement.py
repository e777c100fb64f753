"""What a run took is what its own processes took."""

import sys
import tempfile
import unittest
from pathlib import Path

from measurement import run

MIB = 2**20


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fil-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "run"

    def measure(self, code, **others):
        return run((sys.executable, "-I", "-S", "-c", code), self.folder, **others)

    def test_tells_what_was_printed_and_left(self):
        measured = self.measure("print('hello'); open('trace', 'wb').write(bytes(100))", trace="trace")
        self.assertEqual((measured.output, measured.trace_bytes), ("hello\n", 100))
        self.assertGreater(measured.wall_s, 0)

    def test_takes_memory_of_the_greatest_process(self):
        alone = self.measure("pass").resident_bytes
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray(100 << 20).upper()'], check=True)"
        self.assertGreater(self.measure(child).resident_bytes, alone + 90 * MIB)

    def test_does_not_take_the_runners_own_memory(self):
        """Linux hands the greatest resident memory down to what a process starts."""
        held = b"\1" * (200 * MIB)
        self.assertLess(self.measure("pass").resident_bytes, 100 * MIB)
        del held

    def test_ends_the_benchmark_when_a_command_fails(self):
        for code, status in (("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 11)", 139)):
            with self.assertRaisesRegex(SystemExit, f"ended with {status}"):
                self.measure(code)
