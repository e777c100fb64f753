"""Jobs that watch their own execution, and print what they saw: it must be the same with and without fil.

    python tracing.py WAY      one of the functions below; what it watches is main()
"""

import os
import re
import sys
import threading

from expect import allocate, finish

HERE = os.path.basename(__file__)
# What the main thread saw, and what the other one saw: how the two mix is chance.
SEEN = {True: [], False: []}


def fib(number):
    if number < 2:
        allocate()
        return number
    return fib(number - 1) + fib(number - 2)


def generator():
    allocate("in a watched generator")
    yield 1
    yield 2


def fails():
    raise KeyError


def main():
    fib(5)
    for _ in generator():
        [number for number in range(3)]
    sorted([2, 1], key=lambda number: allocate() or number)
    try:
        fails()
    except KeyError:
        allocate("in a watched except")
    thread = threading.Thread(target=fib, args=(3,))
    thread.start()
    thread.join()


def is_here(code):
    return os.path.basename(code.co_filename) == HERE


def see(*what):
    allocate()
    SEEN[threading.get_ident() == threading.main_thread().ident].append(what)


def settrace():
    def trace(frame, event, argument):
        if not is_here(frame.f_code):
            return None
        see(event, frame.f_code.co_name, frame.f_lineno, frame.f_back and frame.f_back.f_lineno)
        frame.f_trace_opcodes = True
        return trace

    threading.settrace(trace)
    sys.settrace(trace)
    main()
    sys.settrace(None)
    threading.settrace(None)


def setprofile():
    def profile(frame, event, argument):
        if is_here(frame.f_code):
            name = argument.__qualname__ if event.startswith("c_") else None
            see(event, frame.f_code.co_name, frame.f_lineno, name)

    threading.setprofile(profile)
    sys.setprofile(profile)
    main()
    sys.setprofile(None)
    threading.setprofile(None)


def monitoring():
    monitoring = sys.monitoring
    events = monitoring.events
    tool = monitoring.DEBUGGER_ID
    monitoring.use_tool_id(tool, "test")
    watched = [events.PY_START, events.PY_RESUME, events.PY_RETURN, events.PY_YIELD, events.LINE, events.RAISE]
    for event in watched:

        def callback(code, *arguments, event=event):
            if not is_here(code):
                return monitoring.DISABLE if event != events.RAISE else None
            see(event, code.co_name, [one for one in arguments if isinstance(one, int)])

        monitoring.register_callback(tool, event, callback)
    monitoring.set_events(tool, sum(watched))
    main()
    monitoring.set_events(tool, 0)
    monitoring.free_tool_id(tool)


def bdb():
    import bdb

    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            if is_here(frame.f_code):
                stack, _ = self.get_stack(frame, None)
                see("line", [(one.f_code.co_name, line) for one, line in stack if is_here(one.f_code)])
            self.set_step()

        def user_return(self, frame, value):
            if is_here(frame.f_code):
                see("return", frame.f_code.co_name)

    Debugger().runcall(main)


def pdb():
    """Commands come from standard input."""
    import pdb

    debugger = pdb.Pdb(nosigint=True, readrc=False)
    debugger.use_rawinput = False
    debugger.runcall(main)


def coverage(branch=True):
    import coverage

    watching = coverage.Coverage(data_file=None, include=[__file__], branch=branch, config_file=False)
    watching.start()
    main()
    watching.stop()
    data = watching.get_data()
    for file in data.measured_files():
        print(os.path.basename(file), sorted(data.lines(file)), sorted(data.arcs(file) or []))
    print("core:", dict(watching.sys_info())["core"])


def coverage_by_monitoring():
    os.environ["COVERAGE_CORE"] = "sysmon"
    coverage(branch=False)


def call_counts():
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    profiler.runcall(main)
    statistics = pstats.Stats(profiler).stats
    here = [(*place[1:], *counts[:2]) for place, counts in statistics.items() if os.path.basename(place[0]) == HERE]
    print(sorted(here))


def tracemalloc():
    import gc
    import tracemalloc

    gc.disable()
    tracemalloc.start(20)
    global kept
    kept = [bytearray(1000), fib(3), {1: 2}]
    deep(5, kept)
    for one in kept:
        trace = tracemalloc.get_object_traceback(one)
        print(trace and [(os.path.basename(frame.filename), frame.lineno) for frame in trace])
    by_line = tracemalloc.take_snapshot().statistics("lineno")
    print([(one.traceback[0].lineno, one.size, one.count) for one in by_line if one.traceback[0].filename == __file__])
    tracemalloc.stop()


def deep(depth, kept):
    if depth:
        return deep(depth - 1, kept)
    allocate("under tracemalloc")
    kept.append(bytearray(5_000_000))


def faulthandler():
    import faulthandler

    def below():
        allocate("beside faulthandler")
        with open("dump", "w+") as file:
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(0)
            # Threads are called by their addresses.
            print(re.sub("0x[0-9a-f]+", "ADDRESS", file.read()))

    faulthandler.enable()
    below()
    main()


def shown():
    """What Python shows of its stacks by itself."""
    import inspect
    import traceback

    def below():
        allocate("beside traceback")
        traceback.print_stack(file=sys.stdout)
        print([(one.function, one.lineno, one.code_context) for one in inspect.stack()])
        print([frame.f_code.co_name for frame in sys._current_frames().values()])

    below()
    try:
        fails()
    except KeyError:
        print(traceback.format_exc())


globals()[sys.argv[1]]()
for what in SEEN[True] + SEEN[False]:
    print(*what)
finish()
