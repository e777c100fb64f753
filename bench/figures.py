"""Figures of a benchmark's results. Runs of one round are compared with each other."""

from statistics import median


def profiler_names(results):
    return [name for name in results["programs"][0]["runs"] if name != "python"]


def slowdowns(program, name):
    """Of each round."""
    return [one["wall_s"] / plain["wall_s"] for one, plain in zip(program["runs"][name], program["runs"]["python"])]


def added(program, name, key):
    """What a profiler adds, of each round."""
    return [one[key] - plain[key] for one, plain in zip(program["runs"][name], program["runs"]["python"])]


def trace_bytes(program, name):
    """Median of the sizes of a profiler's traces."""
    return median_of(program["runs"][name], "trace_bytes")


# Linux tells user time in hundredths of a second, and of a thread that has ended nothing.
SHORTEST_JOB_S = 0.5


def plain_user_s(program):
    """User time without a profiler."""
    return median_of(program["runs"]["python"], "user_s")


def tells_background(program):
    """Whether the job was long enough to see what its threads took."""
    return plain_user_s(program) >= SHORTEST_JOB_S


def user_share_of_background(programs):
    """The user time of the recorder's thread, over these programs, as a share of what they take without a profiler."""
    background = sum(median_of(program["inside"], "background_user_s") for program in programs)
    job = sum(plain_user_s(program) for program in programs)
    return background / job if job else 0.0


def median_of(measured, key):
    return median([one[key] for one in measured])
