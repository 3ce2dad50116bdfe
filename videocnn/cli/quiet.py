"""Keep TensorFlow's start-up chatter off the terminal: file descriptor 2 in, everything but known lines out.

TensorFlow's C++ code writes some lines before it has read `TF_CPP_MIN_LOG_LEVEL`, so that no setting hides them. A
small child process reads what C++ writes to standard error and passes on all but those lines. As a process of its own
it also delivers the last words of a program that aborts. Python's `sys.stderr` keeps the terminal itself: progress
bars, warnings and tracebacks never go through the filter.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import select
import signal
import sys
import time

LEVEL = "TF_CPP_MIN_LOG_LEVEL"

START_UP = re.compile(
    r"^(?:WARNING: All log messages before absl::InitializeLog\(\)"
    r"|I\d{4} [\d:.]+ +\d+ \S+:\d+\]"  # information of any kind
    r"|To enable the following instructions:"  # the second line of one
    r"|INFO: Created TensorFlow Lite XNNPACK delegate"
    r"|W\d{4} .* tf_tfl_flatbuffer_helpers\.cc:\d+\] Ignored "  # every conversion to TFLite says so
    # a machine without a GPU, and TensorFlow 2.17 and 2.18 registering their libraries twice
    r"|E\d{4} .* failed call to cuInit: .*(?:UNKNOWN ERROR \((?:34|303)\)|CUDA_ERROR_NO_DEVICE)"
    r"|(?:E\d{4}|\d{4}-\d\d-\d\d [\d:.]+: E) .*Unable to register cu\w+ factory: ).*\n?",
    re.MULTILINE,
)
"""Lines that say nothing about the user's work. Other warnings and all other errors are passed on."""


def quiet_start() -> None:
    """Filter TensorFlow's start-up lines from standard error until this process ends.

    With `TF_CPP_MIN_LOG_LEVEL` set to 0 or 1 every line is shown. Nothing is filtered on Windows, which has no `fork`.
    """
    if os.environ.setdefault(LEVEL, "2") in ("0", "1") or not hasattr(os, "fork"):
        return
    try:
        terminal = os.dup(2)
    except OSError:  # there is no standard error
        return
    source, sink = os.pipe()
    filtering = os.fork()
    if not filtering:
        try:
            _run_filter(source, terminal)
        finally:
            os._exit(0)
    os.close(source)
    os.dup2(sink, 2)
    os.close(sink)
    own = sys.stderr
    sys.stderr = open(  # noqa: SIM115 - as long as the process
        terminal, "w", buffering=1, encoding=own.encoding, errors=own.errors, closefd=False
    )
    atexit.register(_finish, terminal, filtering)


def _finish(terminal: int, filtering: int) -> None:
    """Give file descriptor 2 back and wait a moment until the filter has passed on what it holds."""
    os.dup2(terminal, 2)
    end = time.monotonic() + 1
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(filtering, os.WNOHANG)[0] and time.monotonic() < end:
            time.sleep(0.002)


def _run_filter(source: int, terminal: int) -> None:
    """Pass on what comes until every writer has ended; signals for the whole group are not meant for the filter."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    low, high = sorted((source, terminal))
    for begin, end in ((0, low), (low + 1, high), (high + 1, 256)):  # others wait for the end of those pipes
        os.closerange(begin, end)
    pass_on(source, terminal)


def pass_on(source: int, sink: int, patience: float = 0.1) -> None:
    """Copy bytes from one file descriptor to another until the end, without start-up lines.

    Args:
        source: where to read.
        sink: where to write.
        patience: seconds until an unfinished line is passed on.
    """
    line, begun = b"", False  # `begun`: the beginning of this line has been passed on

    def write(data: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more; go on, so that the writer never waits
            while data:
                data = data[os.write(sink, data) :]

    while True:
        if line and not select.select([source], [], [], patience)[0]:
            write(line)
            line, begun = b"", True
        chunk = os.read(source, 1 << 16)
        *lines, line = (line + chunk).split(b"\n")
        for whole in lines:
            if begun or not START_UP.match(whole.decode("latin-1")):
                write(whole + b"\n")
            begun = False
        if not chunk:
            write(line if begun or not START_UP.match(line.decode("latin-1")) else b"")
            return
