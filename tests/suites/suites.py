"""The test suites: which modules of each are selected."""

from dataclasses import dataclass

from module import pytest, regrtest

# Required: gc, threads, processes, asyncio, mmap, ctypes, signals, sys, faulthandler, fork,
# generators, coroutines, exceptions, dict, list, unicode. A name that a Python does not have (3.13
# calls test_unicode test_str) is told and passed over.
_CPYTHON_FULL = """
    test_gc test_weakref test_finalization test_atexit
    test_thread test_threading test_threading_local test_threadsignals test_threadedtempfile
    test_fork1 test_wait3 test_wait4 test_posix test_os test_popen test_subprocess
    test_multiprocessing_fork test_multiprocessing_forkserver test_multiprocessing_spawn
    test_multiprocessing_main_handling test_concurrent_futures
    test_asyncio test_contextlib_async test_asyncgen test_coroutines test_context
    test_mmap test_ctypes test_signal test_eintr test_sys test_faulthandler test_resource test_cmd_line
    test_generators test_genexps test_yield_from test_frame test_sys_settrace test_sys_setprofile
    test_monitoring test_bdb test_cprofile test_trace test_tracemalloc
    test_exceptions test_baseexception test_except_star test_exception_group test_raise test_traceback
    test_dict test_dictcomps test_dictviews test_ordered_dict test_list test_listcomps
    test_unicode test_str test_bytes test_buffer test_memoryview test_array
    test_capi test_embed test_interpreters test__interpreters
    test_import test_importlib test_code test_compile test_dis test_inspect
    test_io test_tempfile test_pickle test_json test_sqlite3 test_decimal test_select test_socket test_logging
"""

# Hang without fil, for a quarter of an hour each: told and passed over.
HANGS = {"3.11": ("test_interpreters", "test__xxsubinterpreters", "test_socket")}

_CPYTHON_CI = """
    test_gc test_thread test_threading
    test_fork1 test_posix test_subprocess test_multiprocessing_main_handling
    test_asyncio.test_taskgroups test_asyncio.test_locks test_asyncio.test_subprocess test_coroutines test_asyncgen
    test_mmap test_ctypes test_signal test_sys test_faulthandler
    test_generators test_frame test_sys_settrace test_sys_setprofile test_monitoring test_tracemalloc
    test_exceptions test_dict test_list test_unicode test_str
"""

_NUMPY_FULL = """
    numpy._core numpy.lib numpy.linalg numpy.fft numpy.random numpy.ma numpy.polynomial numpy.matrixlib numpy.testing
"""

_NUMPY_CI = """
    numpy._core.tests.test_multithreading numpy._core.tests.test_nditer numpy.fft
"""

_PANDAS_FULL = """
    pandas.tests.frame pandas.tests.groupby
"""

_PANDAS_CI = """
    pandas.tests.libs pandas.tests.frame.test_constructors
"""


@dataclass(frozen=True)
class Suite:
    """A test suite: the names of its modules by selection."""

    name: str
    selections: dict
    arguments: object
    """Makes the arguments of Python that run one Module and write its results to a path."""
    failed_code: str
    """Exit code of a run in which cases failed; any other but 0 says more than that."""

    def selected(self, selection):
        return self.selections[selection].split()


SUITES = {
    suite.name: suite
    for suite in (
        Suite("cpython", {"full": _CPYTHON_FULL, "ci": _CPYTHON_CI}, regrtest, "2"),
        Suite("numpy", {"full": _NUMPY_FULL, "ci": _NUMPY_CI}, pytest, "1"),
        Suite("pandas", {"full": _PANDAS_FULL, "ci": _PANDAS_CI}, pytest, "1"),
    )
}
