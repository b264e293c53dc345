"""Keeps one script program: starts it, and ends it and all that it started when the engine is gone or says so.

It is a process between the engine and the script, so that nothing which a script does to its own process, as blocking,
stopping or closing files, keeps it from its end. It holds the life line, a socket to the engine that the script never
gets: its other side is shut down by the engine, or by the system when the engine ends, in whatever way. Then, or when the
script has ended, it ends what is left, removes the folder and ends as the script did, with the same status.
"""

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

LOOK_MS: Final = 1000
"""How often it looks whether the engine is still there; the life line of one that forked stays open."""
# What Linux calls them.
PARENT_DEATH_SIGNAL: Final = 1
CHILD_SUBREAPER: Final = 36


def main() -> NoReturn:
    """Keep a script.

    Arguments: numbers of the life line and of the script's channel, id of the engine's process, the script's folder, and
    the command to run with the number of the channel.
    """
    number, channel, engine, folder, *command = sys.argv[1:]
    life = socket.socket(fileno=int(number))
    life.set_inheritable(False)
    life.setblocking(False)
    ended, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, _ignore)
    control = _process_control()
    control(CHILD_SUBREAPER, 1)  # what the script's children leave behind becomes a child of this process
    keeper = os.getpid()
    script = os.fork()
    if script == 0:
        _become([*command, channel], keeper, control)
    _leave_to_script(int(channel))
    status = _wait(script, life, ended, int(engine))
    _end_the_rest(script)
    _remove(folder)
    _end_like(status)


def _become(command: list[str], keeper: int, control: Callable[[int, int], None]) -> NoReturn:
    """Become the script; on Linux the kernel ends it when its keeper is killed."""
    try:
        os.setsid()
        control(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == keeper:
            os.execv(command[0], command)  # noqa: S606 - our own interpreter
    finally:
        os._exit(127)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Only wake up."""


def _process_control() -> Callable[[int, int], None]:
    """Give the system call of Linux that Python has no name for; elsewhere a function that does nothing."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes  # noqa: PLC0415 - only where it is used

            call = ctypes.CDLL(None).prctl
            return lambda option, value: call(option, value, 0, 0, 0) and None
    return lambda _option, _value: None


def _leave_to_script(channel: int) -> None:
    """Close what is the script's, so that the engine sees it when the script closes it."""
    os.close(channel)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.close(nothing)


def _wait(script: int, life: socket.socket, ended: socket.socket, engine: int) -> int:
    """Wait until the script has ended, by itself or because it must; gives its status."""
    events = select.poll()
    events.register(life, select.POLLIN)
    events.register(ended, select.POLLIN)
    while _may_go_on(life, engine):
        found, status = os.waitpid(script, os.WNOHANG)
        if found:
            return status
        for number, _ in events.poll(LOOK_MS):
            if number == ended.fileno():
                ended.recv(64)
    for end in (os.kill, os.killpg):  # it may not have its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(script, signal.SIGKILL)
    return os.waitpid(script, 0)[1]


def _may_go_on(life: socket.socket, engine: int) -> bool:
    try:
        life.recv(1)
    except BlockingIOError:
        return os.getppid() == engine
    except OSError:
        return False
    return False


def _end_the_rest(script: int) -> None:
    """End what the script has started: its group, and on Linux whatever came of it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(script, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            children = _children()
            for child in children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(child, signal.SIGKILL)
            ended, _ = os.waitpid(-1, 0 if children else os.WNOHANG)
            if not ended and not children:
                return


def _children() -> list[int]:
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as listed:  # noqa: PTH123 - pathlib loads slowly
            return [int(child) for child in listed.read().split()]
    except OSError:
        return []


def _remove(folder: str) -> None:
    try:
        os.rmdir(folder)  # noqa: PTH106 - pathlib loads slowly
    except OSError:
        import shutil  # noqa: PLC0415 - only here, for it takes time

        shutil.rmtree(folder, ignore_errors=True)


def _end_like(status: int) -> NoReturn:
    """End with the status of the script."""
    if os.WIFSIGNALED(status):
        import resource  # noqa: PLC0415 - this module is also imported on systems that lack it

        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):  # nothing can be set for SIGKILL
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
