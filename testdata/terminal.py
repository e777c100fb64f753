"""Runs a command in a terminal of its own, as a shell does, presses keys when it says it is ready, and
prints how it ended. Arguments: what to press (`interrupt`, `quit` or `stop`), then the command."""

import os
import pty
import signal
import sys

KEYS = {"interrupt": b"\x03", "quit": b"\x1c", "stop": b"\x1a"}


def read_until(terminal, words):
    seen = b""
    while words not in seen:
        try:
            piece = os.read(terminal, 1024)
        except OSError:  # how a terminal says that nobody is there any more
            piece = b""
        if not piece:
            raise SystemExit("ended early: %r" % seen)
        seen += piece
    return seen


def main():
    key, command = sys.argv[1], sys.argv[2:]
    # The shell is the leader of the session; the command must not be, as no job of a shell is.
    leader, terminal = pty.fork()
    if leader == 0:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            os.execv(command[0], command)
        _, status = os.waitpid(job, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            print("stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
            os.killpg(job, signal.SIGCONT)
            _, status = os.waitpid(job, 0)
        if os.WIFEXITED(status):
            print("exit code", os.WEXITSTATUS(status), flush=True)
        else:
            print("killed by", os.WTERMSIG(status), flush=True)
        print("the end", flush=True)
        os._exit(0)
    seen = read_until(terminal, b"ready")
    os.write(terminal, KEYS[key])
    seen += read_until(terminal, b"the end")
    sys.stdout.buffer.write(seen)


main()
