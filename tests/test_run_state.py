"""The state of a run: read in one way, written by several jobs at once, completed after a kill."""

import json
import multiprocessing

import pytest
from paper_runs import made_scores, write_run

from videocnn.report import write_report
from videocnn.runs import RunError, complete_run, open_run, read_metrics, read_run, write_metrics
from videocnn.runs.folder import update_run, updating

SPAWN = multiprocessing.get_context("spawn")  # real processes, which share nothing


def measure(folder, split, ready, go):
    """Another evaluation: says that it is ready, waits for the others, then writes many results."""
    ready.release()
    go.wait()
    for number in range(20):
        write_metrics(folder, f"{split}{number}", {"value": number})


def hold(folder, held, done):
    """Another job that keeps the lock until it is told otherwise."""
    with updating(folder):
        held.set()
        done.wait()


def test_evaluations_at_the_same_time_lose_nothing(tmp_path):
    ready, go = SPAWN.Semaphore(0), SPAWN.Event()
    jobs = [SPAWN.Process(target=measure, args=(tmp_path, name, ready, go)) for name in "ab"]
    for job in jobs:
        job.start()
    for _ in jobs:
        ready.acquire()
    go.set()
    for job in jobs:
        job.join()
    assert set(read_metrics(tmp_path)) == {f"{name}{number}" for name in "ab" for number in range(20)}


def test_a_lock_that_stays_held_is_reported_and_loses_nothing(tmp_path):
    write_metrics(tmp_path, "val", {})
    held, done = SPAWN.Event(), SPAWN.Event()
    job = SPAWN.Process(target=hold, args=(tmp_path, held, done))
    job.start()
    held.wait()
    with pytest.raises(RunError, match=str(tmp_path)):
        write_metrics(tmp_path, "test", {}, wait_seconds=0)
    assert set(read_metrics(tmp_path)) == {"val"}
    done.set()
    job.join()
    write_metrics(tmp_path, "test", {}, wait_seconds=0)
    assert set(read_metrics(tmp_path)) == {"val", "test"}


@pytest.mark.parametrize(("regime", "kind"), [({}, "network"), ({"regime": "top"}, "fine-tuned")])
@pytest.mark.parametrize("finished", [True, False])
def test_kind_and_end_of_a_run_that_does_not_state_them(tmp_path, regime, kind, finished):
    run = open_run(write_run(tmp_path / "run", made_scores([True] * 4), finished=finished, **regime))
    assert (run.kind, run.finished, run.has_model, run.num_epochs) == (kind, finished, True, 2)


def test_without_a_backup_the_last_weights_tell_the_end(tmp_path):
    folder = write_run(tmp_path / "run", made_scores([True] * 4))
    (folder / "backup" / "state.json").unlink()
    assert not open_run(folder).finished
    (folder / "last.keras").touch()
    assert open_run(folder).finished
    (folder / "backup" / "state.json").write_text("damaged")
    assert not open_run(folder).finished


def test_what_run_json_states_goes_first(tmp_path):
    folder = write_run(tmp_path / "run", made_scores([True] * 4), finished=False)
    update_run(folder, kind="baseline", finished=True)
    assert (open_run(folder).kind, open_run(folder).finished) == ("baseline", True)


@pytest.mark.parametrize("complete", [complete_run, lambda folder: write_report(folder, folder.parent / "r.html")])
def test_a_run_killed_before_its_card_is_completed_later(tmp_path, complete):
    folder = write_run(tmp_path / "run", made_scores([True] * 4))
    update_run(folder, finished=False)  # the kill came between the backup and this
    complete(folder)
    assert read_run(folder)["finished"] is True
    assert "finished" in (folder / "README.md").read_text()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    complete(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_an_unfinished_run_is_not_completed(tmp_path):
    folder = write_run(tmp_path / "run", made_scores([True] * 4), finished=False)
    complete_run(folder)
    assert "finished" not in json.loads((folder / "run.json").read_text())
    assert not (folder / "README.md").exists()
