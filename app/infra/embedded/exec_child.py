"""Run a program as a child that cannot outlive its parent. A script of its own: `python -I -S exec_child.py '<json>'`.

It stands between `Popen` and the program because `preexec_fn` is unsafe in a parent with threads, and because
the order matters: the working folder is entered while we may still be root, then the account changes, and only
then is the death signal set (Linux clears it when credentials change). Standard library only; it ends in `exec`,
so the program keeps the process id that `Popen` knows.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def follow_parent(parent: int, death_signal: int) -> None:
    """Linux: the kernel sends us `death_signal` when the thread that started us ends. Raises `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _watch_parent(life_line: int, death_signal: int) -> None:
    """Elsewhere: a forked watcher holds one end of a pipe, and sends the signal for the kernel when the parent,
    who holds the other end, is gone. (A process id would not do: a zombie still has one.)"""
    program = os.getpid()
    if os.fork() != 0:
        os.close(life_line)
        return
    while os.getppid() == program:
        readable, _, _ = select.select([life_line], [], [], 0.5)
        if readable:
            os.kill(program, death_signal)
            break
    os._exit(0)


def main() -> None:
    """Read the order (one JSON object, see `processes.spawn`) and become the program."""
    order = json.loads(sys.argv[1])
    if order["cwd"] is not None:
        os.chdir(order["cwd"])
    os.setsid()  # Ctrl-C in the terminal reaches the parent only; it stops us in order
    os.umask(0o077)
    if order["uid"] is not None:
        os.setgroups([])
        os.setgid(order["gid"])
        os.setuid(order["uid"])
    if order["life_line"] is None:
        follow_parent(order["parent"], order["death_signal"])
    else:
        _watch_parent(order["life_line"], order["death_signal"])
    for number in (
        signal.SIGPIPE,
        signal.SIGINT,
    ):  # Python ignores the first; a shell's `&` ignores the second
        signal.signal(number, signal.SIG_DFL)
    argv = order["argv"]
    try:
        os.execv(argv[0], argv)  # noqa: S606 - becoming that program is the purpose
    except OSError as error:
        print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(126)


if __name__ == "__main__":
    main()
