"""What fil is to achieve, on a machine with two processors, and whether it did.

Each target is a row of its own, and where it is about many programs, the worst of them is named.
"""

from math import inf
from statistics import median

from answer_targets import answer_targets
from figures import added, profiler_names, slowdowns, trace_bytes, user_share_of_background
from target import Target

MIB = 2**20
SEED, NOTHING = "seed example", "nothing"
SEED_SLOWDOWN = 1.05
START_UP_S = 0.015
# Of the cost of an event 10 calls deep.
DEEP_EVENTS = 1.5
THIRD_OF_FIL = 1 / 3
EXTRA_BYTES = 16 * MIB
BYTES_PER_EVENT = {"pure Python": 1.0, "all": 1.3}
BACKGROUND_SHARE = 0.1


def targets(results):
    """Those that can be judged by what was measured."""
    programs = {program["name"]: program for program in results["programs"]}
    if "fil" not in profiler_names(results):
        return
    for program in programs.values():
        if program["target"]:
            yield slowdown(program)
    if NOTHING in programs:
        yield start_up(programs[NOTHING])
        if SEED in programs:
            yield seed_example(programs[SEED], programs[NOTHING])
    yield from compared_with_peers(results)
    yield from deep_recursion(programs)
    yield extra_memory(programs.values())
    pure = [program for program in programs.values() if program["pure_python"]]
    for what, chosen in (("pure Python", pure), ("all", list(programs.values()))):
        if chosen:
            yield size_of_traces(what, chosen)
    if pure:
        yield background(pure)
    yield from answer_targets(programs.values())


def slowdown(program):
    measured = median(slowdowns(program, "fil"))
    return Target(f"slowdown of {program['name']}", f"{program['target']}", f"{measured:.3f}", measured <= program["target"])


def start_up(nothing):
    measured = median(added(nothing, "fil", "wall_s"))
    return Target("start-up", f"{START_UP_S * 1e3:.0f} ms", f"{measured * 1e3:.1f} ms", measured <= START_UP_S)


def seed_example(seed, nothing):
    """A slowdown, and start-up beside it."""
    plain_s = median([one["wall_s"] for one in seed["runs"]["python"]])
    allowed = plain_s * (SEED_SLOWDOWN - 1) + median(added(nothing, "fil", "wall_s"))
    measured = median(added(seed, "fil", "wall_s"))
    what = f"added to the {SEED}: {SEED_SLOWDOWN - 1:.0%} and start-up"
    return Target(what, f"{allowed * 1e3:.1f} ms", f"{measured * 1e3:.1f} ms", measured <= allowed)


def compared_with_peers(results):
    """Time added, as a share of what others add."""
    for peer, share, what in (("memray", 1, "what memray's default adds"), ("Fil", THIRD_OF_FIL, "what Fil adds")):
        if peer not in profiler_names(results):
            continue
        shares, missed = {}, []
        for program in results["programs"]:
            of_fil, of_peer = (median(added(program, name, "wall_s")) for name in ("fil", peer))
            shares[program["name"]] = of_fil / of_peer if of_peer > 0 else inf
            if of_fil >= share * of_peer:
                missed.append(program["name"])
        name, worst = max(shares.items(), key=lambda item: item[1])
        others = f"; {', '.join(missed)} miss it" if len(missed) > 1 else ""
        yield Target(f"added time, of {what}", f"{share:.2f}", f"{worst:.2f} ({name}){others}", not missed)


def deep_recursion(programs):
    """The cost of an event deep in a recursion."""
    shallow = programs.get("recursion 10")
    for depth in (200, 900):
        deep = programs.get(f"recursion {depth}")
        if shallow and deep:
            ratios = [one / other if other > 0 else inf for one, other in zip(costs(deep), costs(shallow))]
            measured = median(ratios)
            what = f"an event {depth} calls deep, as a multiple of one 10 calls deep"
            yield Target(what, f"{DEEP_EVENTS}", f"{measured:.2f}", measured <= DEEP_EVENTS)


def costs(program):
    """What an event takes of wall time, of each round."""
    return [one / program["event_count"] for one in added(program, "fil", "wall_s")]


def extra_memory(programs):
    """Without what unique call paths are allowed to take: tests/extra_memory.rs counts them."""
    extra = {program["name"]: median(added(program, "fil", "resident_bytes")) for program in programs}
    name, worst = max(extra.items(), key=lambda item: item[1])
    measured = f"{worst / MIB:.1f} MiB ({name})"
    return Target("extra memory of the job", f"{EXTRA_BYTES // MIB} MiB", measured, worst <= EXTRA_BYTES)


def size_of_traces(what, programs):
    """Over all events of these programs together."""
    per_event = {program["name"]: trace_bytes(program, "fil") / program["event_count"] for program in programs}
    events = sum(program["event_count"] for program in programs)
    together = sum(trace_bytes(program, "fil") for program in programs) / events
    allowed = BYTES_PER_EVENT[what]
    measured = f"{together:.2f}{those_above(per_event, allowed, '{:.2f}')}"
    return Target(f"bytes per event, {what}", f"{allowed}", measured, together <= allowed)


def background(programs):
    """Over the user time of these programs together."""
    together = user_share_of_background(programs)
    shares = {program["name"]: user_share_of_background([program]) for program in programs}
    measured = f"{together:.1%}{those_above(shares, BACKGROUND_SHARE, '{:.1%}')}"
    what = "user time of the background thread, of the job's, over pure Python"
    return Target(what, f"{BACKGROUND_SHARE:.0%}", measured, together <= BACKGROUND_SHARE)


def those_above(measured, limit, form):
    """Which programs are over a limit that all of them together are to keep, as text."""
    above = [f"{name} {form.format(one)}" for name, one in measured.items() if one > limit]
    return f"; above it: {', '.join(above)}" if above else ""
