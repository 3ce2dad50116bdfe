"""Programs that a test interrupts: they must hear Ctrl-C whatever started the tests."""

import signal


def listen_to_ctrl_c() -> None:
    """For `Popen(preexec_fn=...)`: a shell's background jobs ignore SIGINT, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
