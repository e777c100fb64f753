"""Starts children in many ways. Each maps a block of its own size and keeps it until all have theirs,
so that there is an instant at which all blocks are alive. Prints how many processes there were."""

import concurrent.futures
import mmap
import multiprocessing
import os
import subprocess
import sys

MIB = 1 << 20
READY, GO = "ready", "go"


FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def block(size):
    """A private anonymous mapping: its size counts, on every Python."""
    return mmap.mmap(-1, size, FLAGS)


def hold(mebibytes):
    # What Python keeps of a call, to use it in the next, belongs to no block.
    mmap.mmap(-1, 1, FLAGS).close()
    held = block(mebibytes * MIB)
    # The peak is here, when what the call needed is gone.
    bytes(1_000_000)
    return held


def hold_until_all_are_there(mebibytes):
    held = hold(mebibytes)
    with open(READY, "wb", buffering=0) as ready:
        ready.write(b"+")
    with open(GO, "rb", buffering=0) as go:
        go.read(1)
    held.close()
    # A process is known to be alive up to what is recorded with its time, which a mapping is.
    hold(1).close()


def in_fork(mebibytes):
    pid = os.fork()
    if pid == 0:
        hold_until_all_are_there(mebibytes)
        os._exit(0)
    return lambda: os.waitpid(pid, 0)


def in_forkpty(mebibytes):
    # What the child holds of the terminal stays open here until the end.
    pid, _terminal = os.forkpty()
    if pid == 0:
        hold_until_all_are_there(mebibytes)
        os._exit(0)
    return lambda: os.waitpid(pid, 0)


def in_double_fork(mebibytes):
    """A daemon: its parent is gone, and it is in a session of its own."""
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            os.setsid()
            hold_until_all_are_there(mebibytes)
        os._exit(0)
    os.waitpid(pid, 0)
    return lambda: None


def in_subprocess(mebibytes, **arguments):
    process = subprocess.Popen([sys.executable, __file__, str(mebibytes)], **arguments)
    return process.wait


def in_fork_and_exec(mebibytes):
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, __file__, str(mebibytes)])
    return lambda: os.waitpid(pid, 0)


def in_posix_spawn(mebibytes):
    pid = os.posix_spawn(sys.executable, [sys.executable, __file__, str(mebibytes)], os.environ)
    return lambda: os.waitpid(pid, 0)


def in_process(mebibytes, method):
    context = multiprocessing.get_context(method)
    process = context.Process(target=hold_until_all_are_there, args=(mebibytes,))
    process.start()
    return process.join


def in_pool(mebibytes, method):
    pool = multiprocessing.get_context(method).Pool(1)
    result = pool.apply_async(hold_until_all_are_there, (mebibytes,))

    def wait():
        result.get()
        pool.close()
        pool.join()

    return wait


def in_executor(mebibytes, method):
    context = multiprocessing.get_context(method)
    executor = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)
    future = executor.submit(hold_until_all_are_there, mebibytes)

    def wait():
        future.result()
        executor.shutdown()

    return wait


def small_environment():
    """What a careful program gives its children, and what makes fil find them."""
    needed = ("LD_PRELOAD", "LD_LIBRARY_PATH")
    kept = {name: value for name, value in os.environ.items() if name.startswith(needed)}
    return dict(kept, MY_OWN="1")


# Processes that start threads come last: a fork with threads around is not what is tested here.
WAYS = [
    ("fork", in_fork),
    ("forkpty", in_forkpty),
    ("double fork", in_double_fork),
    ("fork and exec", in_fork_and_exec),
    ("posix_spawn", in_posix_spawn),
    ("subprocess", in_subprocess),
    ("subprocess, all descriptors", lambda size: in_subprocess(size, close_fds=False)),
    ("subprocess, another environment", lambda size: in_subprocess(size, env=small_environment())),
    ("subprocess, another session", lambda size: in_subprocess(size, start_new_session=True)),
    ("subprocess, through a shell", lambda size: in_subprocess_of_shell(size)),
    ("multiprocessing fork", lambda size: in_process(size, "fork")),
    ("multiprocessing spawn", lambda size: in_process(size, "spawn")),
    ("multiprocessing forkserver", lambda size: in_process(size, "forkserver")),
    ("pool fork", lambda size: in_pool(size, "fork")),
    ("pool spawn", lambda size: in_pool(size, "spawn")),
    ("pool forkserver", lambda size: in_pool(size, "forkserver")),
    ("executor fork", lambda size: in_executor(size, "fork")),
    ("executor spawn", lambda size: in_executor(size, "spawn")),
    ("executor forkserver", lambda size: in_executor(size, "forkserver")),
]


def in_subprocess_of_shell(mebibytes):
    return subprocess.Popen('"%s" "%s" %d' % (sys.executable, __file__, mebibytes), shell=True).wait


def main():
    for name in (READY, GO):
        os.mkfifo(name)
    # Open for both, so that nobody waits for the other side.
    ready, go = os.open(READY, os.O_RDWR), os.open(GO, os.O_RDWR)
    waits = [start(100 + index) for index, (_, start) in enumerate(WAYS)]
    for _ in WAYS:
        os.read(ready, 1)
    # The peak is here: everyone has his block.
    ballast = hold(500)
    ballast.close()
    os.write(go, b"+" * len(WAYS))
    for wait in waits:
        wait()
    print(len(WAYS))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        hold_until_all_are_there(int(sys.argv[1]))
    else:
        main()
