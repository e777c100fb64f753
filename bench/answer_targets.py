"""How fast fil is to answer, on a machine with two processors."""

from statistics import median

from profilers import PEAK, PEAK_ON_ONE
from target import Target

# Of an answer of fil's, how many times as long memray's may take at least; where there are so many events that its start
# does not count.
FASTER_THAN_MEMRAY = {"flamegraph": ("--flamegraph", 20), "stats": (PEAK, 10)}
MANY_EVENTS = 1_000_000
# Of the peak; where there are so many events that reading call stacks does not count.
EVENTS_PER_S = 40e6
SPEED_UP = 1.6
VERY_MANY_EVENTS = 10_000_000


def answer_targets(programs):
    for of_memray, (of_fil, wanted) in FASTER_THAN_MEMRAY.items():
        times = quotients(programs, f"memray all {of_memray}", f"fil {of_fil}", MANY_EVENTS)
        yield from at_least(wanted, times, f"time of memray's {of_memray}, as a multiple of fil's {of_fil}", "{:.1f}")
    counts = {program["name"]: program.get("event_count", 0) for program in programs}
    seconds = {program["name"]: program["analyses"].get(f"fil {PEAK}") for program in programs}
    speeds = {name: counts[name] / one / 1e6 for name, one in seconds.items() if one and counts[name] >= VERY_MANY_EVENTS}
    yield from at_least(EVENTS_PER_S / 1e6, speeds, f"million events per second of fil's {PEAK}", "{:.1f}")
    speed_ups = quotients(programs, f"fil {PEAK_ON_ONE}", f"fil {PEAK}", VERY_MANY_EVENTS)
    yield from at_least(SPEED_UP, speed_ups, f"speed of fil's {PEAK} on two processors, as a multiple of that on one", "{:.2f}")


def quotients(programs, slow, fast, least_events):
    """Of the times of two answers, by program."""
    found = {}
    for program in programs:
        seconds, others = (program["analyses"].get(name) for name in (slow, fast))
        if seconds and others and program.get("event_count", 0) >= least_events:
            found[program["name"]] = seconds / others
    return found


def at_least(wanted, measured, what, form):
    """A target that is met if nothing measured is below what is wanted; none if nothing was measured."""
    if not measured:
        return
    below = [f"{name} {form.format(one)}" for name, one in measured.items() if one < wanted]
    others = f"; below it: {', '.join(below)}" if below else ""
    yield Target(what, f"{wanted:g} or more", f"{form.format(median(measured.values()))} in the median{others}", not below)
