"""CPython's tests of multiprocessing with the start method spawn, for Pythons that install those without this module."""

from test._test_multiprocessing import install_tests_in_module_dict

install_tests_in_module_dict(globals(), "spawn")
