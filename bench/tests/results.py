"""Results of a benchmark that was never run, with round numbers."""


def a_run(wall_s=1.0, resident_mib=10, trace_bytes=0):
    return {
        "wall_s": wall_s,
        "user_s": wall_s,
        "system_s": 0.0,
        "resident_bytes": resident_mib * 2**20,
        "trace_bytes": trace_bytes,
        "output": "",
    }


def a_program(name, target=None, pure_python=False, plain_s=(1.0, 1.0, 1.0), background_s=0.1, **others):
    """Without a profiler it takes so long in three rounds. Under others, it makes these runs."""
    return {
        "name": name,
        "what": "",
        "target": target,
        "pure_python": pure_python,
        "runs": {"python": [a_run(wall_s) for wall_s in plain_s], **others},
        "analyses": {},
        "event_count": 1000,
        "inside": [{"job_user_s": 2.0, "background_user_s": background_s, "fil_resident_bytes": 2**20}],
    }


def results_of(*programs):
    machine = {
        "processor": "a processor",
        "processors": 2,
        "memory_bytes": 2**30,
        "kernel": "6",
        "python": "3.11",
        "fil": "fil 0",
        "commit": "commit 0",
        "packages": {"memray": "1"},
        "load_average": 0.0,
        "day": "2026-11-26",
    }
    return {"schema": "fil.benchmark/2", "machine": machine, "rounds": 3, "programs": list(programs)}
