"""Four threads of a C library that allocate at once, without the GIL. Argument: the library made of native_threads.c."""

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
library.work_in_threads.argtypes = [ctypes.c_long]
library.work_in_threads(10_000_000)
print("done")
