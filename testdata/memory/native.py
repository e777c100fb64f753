"""Calls what was compiled from native.c, native.cpp and native.f90; the libraries are in the current folder."""
import ctypes
import os

from rows import function, holds, keep, number, pointer, run, size

library = ctypes.CDLL(os.path.abspath("native.so"))
replace_older = function(library, "replace_older", size)
resize_older = function(library, "resize_older", size)
run_thread = function(library, "run_thread", result=number)
fill_vector = function(library, "fill_vector", size, result=None)
fill_string = function(library, "fill_string", size, result=None)
make_wide = function(library, "make_wide", result=None)
drop_all = function(library, "drop_all", result=None)


@holds(50_000_003, 1)
def after_the_older():
    keep(replace_older(50_000_003))


@holds(60_000_011, 1)
def instead_of_the_older():
    keep(resize_older(60_000_011))


# What its thread holds is that of a thread, and looked at there.
@holds()
def thread_with_destructors():
    assert run_thread() == 0


@holds(0, 0)
def dropped():
    drop_all()


@holds(8_000_000, 1)
def vector():
    fill_vector(1_000_000)


# A string has a byte more, for the zero at its end.
@holds(3_000_001, 1)
def string():
    fill_string(3_000_000)


@holds(64_000, 1)
def aligned_object():
    make_wide()


if os.path.exists("fortran.so"):
    allocate_grid = function(ctypes.CDLL(os.path.abspath("fortran.so")), "allocate_grid", number, number, result=None)

    @holds(8 * 1000 * 500, 1)
    def fortran_array():
        allocate_grid(1000, 500)


run()
