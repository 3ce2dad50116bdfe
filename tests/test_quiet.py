"""TensorFlow's start-up lines stay off the terminal; everything else reaches it, whatever becomes of the program."""

import os
import re
import subprocess
import sys

import pytest

from videocnn.cli.quiet import START_UP, pass_on

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795696547.021892    5918 port.cc:153] oneDNN custom operations are on.\n"
    "I0000 00:00:1795696547.022253    5918 cudart_stub.cc:31] Could not find cuda drivers on your machine.\n"
    "E0000 00:00:1795696553.118583    5918 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: "
    "Failed call to cuInit: UNKNOWN ERROR (303)\n"
    "2026-11-26 12:35:55.211726: E external/local_xla/xla/stream_executor/cuda/cuda_fft.cc:485] Unable to register "
    "cuFFT factory: Attempting to register factory for plugin cuFFT when one has already been registered\n"
    "I0000 00:00:1795696561.059697    5946 device_compiler.h:188] Compiled cluster using XLA!\n"
    "W0000 00:00:1795696788.986109    7344 tf_tfl_flatbuffer_helpers.cc:364] Ignored output_format.\n"
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
)
GENUINE = (
    "E0000 00:00:1795696553.118583    5918 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_UNKNOWN: unknown\n"
    "W0000 00:00:1795696553.118583    5918 gpu_device.cc:2431] Cannot dlopen some GPU libraries.\n"
    "2026-11-26 12:35:55.211726: E tensorflow/core/framework/op.cc:5] out of memory\n"
    "F0000 00:00:1795696553.118583    5918 cpu.cc:5] compiled to use AVX instructions, but these aren't available\n"
    "INFO: of another program\n"
)


def start(program: str, **more) -> subprocess.Popen:
    """Start Python code behind the filter, as the command line does."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    code = f"import os, sys\nfrom videocnn.cli.quiet import quiet_start\nquiet_start()\n{program}"
    return subprocess.Popen([sys.executable, "-c", code], env=environment | more, stderr=subprocess.PIPE, text=True)


def test_only_known_lines_are_left_out():
    assert START_UP.sub("", NOISE + GENUINE + NOISE) == GENUINE


def test_pieces_of_lines_are_put_together_and_unfinished_ones_are_not_kept_waiting(tmp_path):
    (source, ours), (theirs, sink) = os.pipe(), os.pipe()
    text = (NOISE + GENUINE).encode()
    for place in range(0, len(text), 7):
        os.write(ours, text[place : place + 7])
    os.write(ours, b"no end\r 50 %")
    os.close(ours)
    pass_on(source, sink)
    os.close(sink)
    with open(theirs) as found:
        assert found.read() == GENUINE + "no end\n 50 %"  # universal newlines


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(3)", "os.kill(os.getpid(), 9)", "1 / 0", "sys.exit(0)", ""])
def test_last_words_arrive_however_the_program_ends(end):
    lines = f"import warnings\nos.write(2, {(NOISE + GENUINE).encode()!r})\nwarnings.warn('real')\n"
    with start(f"{lines}{end}") as process:
        found = process.communicate(timeout=60)[1]
    for line in GENUINE.splitlines():
        assert line in found
    assert "UserWarning: real" in found
    assert ("ZeroDivisionError" in found) == (end == "1 / 0")
    assert not START_UP.search(found)


def test_an_unfinished_line_appears_while_the_program_goes_on():
    with start("os.write(2, b'50 %')\nsys.stdin.read()", PYTHONUNBUFFERED="1") as process:
        assert process.stderr.read(4) == "50 %"
        process.kill()


def test_programs_that_are_started_go_through_the_filter():
    program = f"import subprocess\nsubprocess.run(['printf', '%s', {NOISE + GENUINE!r}], stdout=2)"
    with start(program) as process:
        assert process.communicate(timeout=60)[1] == GENUINE


def test_a_progress_bar_has_the_terminal_itself():
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    code = "from videocnn.cli.quiet import quiet_start\nimport sys\nquiet_start()\n"
    code += "sys.stderr.write(f'{sys.stderr.isatty()}\\r')"
    done = subprocess.run([sys.executable, "-c", code], stderr=theirs, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"})
    os.close(theirs)
    assert done.returncode == 0
    assert os.read(ours, 100) == b"True\r"
    os.close(ours)


@pytest.mark.parametrize("level", ["0", "1"])
def test_who_asks_for_every_line_gets_every_line(level):
    with start(f"os.write(2, {NOISE.encode()!r})", TF_CPP_MIN_LOG_LEVEL=level) as process:
        assert process.communicate(timeout=60)[1] == NOISE


@pytest.mark.slow
def test_no_command_shows_a_line_of_tensorflow(tmp_path):
    """Import, first operation, training, the converter to TFLite: all that have something to say."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}

    def videocnn(*arguments) -> str:
        command = [sys.executable, "-m", "videocnn", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stderr

    toy, run = tmp_path / "toy", tmp_path / "run"
    errors = videocnn("data", "toy", "--out", toy, "--groups", "3")
    options = ("--model", "single_frame", "--width", "0.06", "--frame-size", "48", "--epochs", "1")
    errors += videocnn("train", toy / "manifest.csv", "--out", run, *options)
    errors += videocnn("evaluate", run, toy / "manifest.csv", "--clips", "1", "--views", "1")
    errors += videocnn("predict", run, next(toy.glob("*/*.*")), "--clips", "1")
    errors += videocnn("filters", run, "--out", tmp_path / "filters.png")
    errors += videocnn("export", run, "--to", "tflite")
    assert not START_UP.search(errors)
    assert not re.search(r"tensorflow|absl|oneDNN|cuInit|XLA", errors, re.IGNORECASE), errors
