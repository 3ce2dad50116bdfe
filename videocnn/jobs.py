"""Run a function over many items in a thread pool, with a progress bar.

Takes a function of one item and a list of items; yields each item with its result or its error as soon as it is done.
Decoding releases the GIL, so threads suffice; it checks at every packet whether the job has been cancelled by Ctrl-C or
an exception, so that nobody waits for the rest of a long video.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from videocnn.errors import VideoCNNError

Item = TypeVar("Item")
LOCK = ".writing-lock"  # hidden, like every file that is not part of a folder's content

_worker = threading.local()  # .ended: the event that cancels the thread's current job


def give_up_if_ended() -> None:
    """Raise `concurrent.futures.CancelledError` in a worker whose job was cancelled; call it in long loops."""
    ended = getattr(_worker, "ended", None)
    if ended is not None and ended.is_set():
        raise concurrent.futures.CancelledError


def default_workers() -> int:
    """Return the number of CPUs available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def progress_bar(unit: str, *, quiet: bool = False):
    """Return a `rich.progress.Progress` on standard error that shows count, rate in `unit`/s and ETA."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task):
            speed = task.finished_speed or task.speed or (task.completed / task.elapsed if task.elapsed else None)
            return Text(f"{speed:.1f} {unit}/s" if speed else f"- {unit}/s")

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), disable=quiet)


def map_parallel(
    function: Callable[[Item], Any],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    description: str = "",
    unit: str = "videos",
    quiet: bool = False,
) -> Iterator[tuple[Item, Any]]:
    """Yield `(item, result)` in order of completion, with progress on standard error.

    A `VideoCNNError` raised for an item is returned as its result, so that the caller can report it and continue; any
    other exception is a bug and stops the job. At most two items per worker are in flight, which bounds memory.
    """
    workers = workers or default_workers()
    waiting = iter(items)
    ended = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(workers, initializer=setattr, initargs=(_worker, "ended", ended))
    try:
        with progress_bar(unit, quiet=quiet) as bar:
            task = bar.add_task(description, total=len(items))
            running = {}
            while True:
                while len(running) < 2 * workers and (item := next(waiting, waiting)) is not waiting:
                    running[pool.submit(function, item)] = item
                if not running:
                    return
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is not None and not isinstance(error, VideoCNNError):
                        raise error
                    yield running.pop(future), error if error is not None else future.result()
                    bar.advance(task)
    finally:
        ended.set()
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def sole_writer(folder: Path, refusal: VideoCNNError, *, wait_seconds: float = 0.0, lock: str = LOCK) -> Iterator[None]:
    """Hold the lock of a folder, which ends with its process, however that ends.

    Args:
        folder: the folder that the lock file lies in.
        refusal: raised if another job still holds the lock after `wait_seconds`.
        wait_seconds: how long to wait for the lock.
        lock: name of the lock file.
    """
    try:
        import fcntl
    except ImportError:  # not available on Windows, where concurrent jobs are not detected
        yield
        return
    deadline = time.monotonic() + wait_seconds
    with open(folder / lock, "a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise refusal from None
                time.sleep(0.02)
                continue
            except OSError:  # a network drive without locks, where concurrent jobs are not detected either
                pass
            break
        yield
