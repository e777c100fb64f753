"""Callgrind's file is read as it is meant."""

import tempfile
import unittest
from pathlib import Path

from instructions import all_instructions, recorder_costs

# Callgrind Format Specification: after `calls=`, the next line has what the called function took.
OUTPUT = """\
version: 1
ob=/tmp/fil-recorder-1.so
fl=/work/recorder/src/hooks/malloc.rs
fn=malloc
0x10 5 3
0x14 5 4
cob=/lib/libc.so.6
cfn=malloc'2
calls=2 0x99
0x18 6 1000
0x18 6 2
fn=free
0x20 7 5
0x10 7 6
ob=/lib/libc.so.6
fn=malloc'2
0x99 1 500
totals: 1520
"""


class Callgrind(unittest.TestCase):
    def setUp(self):
        file = tempfile.NamedTemporaryFile("w", prefix="fil-bench-")
        self.addCleanup(file.close)
        file.write(OUTPUT)
        file.flush()
        self.file = Path(file.name)

    def test_the_recorders_costs_are_those_of_its_own_instructions(self):
        expected = {(0x10, "malloc"): 3, (0x14, "malloc"): 4, (0x18, "malloc"): 2, (0x20, "free"): 5, (0x10, "free"): 6}
        self.assertEqual(recorder_costs(self.file), expected)

    def test_all_instructions_are_those_of_everybody(self):
        self.assertEqual(all_instructions(self.file), 1520)
