"""The package's own errors: each message names the file, the value that is wrong and how to mend it.

Everything that a user's input can cause derives from `VideoCNNError`, so that the command line and batch jobs
can catch one class. Modules define their own children beside the code that raises them.
"""


class VideoCNNError(Exception):
    """Something in the user's input cannot be used; the message says what, where and how to mend it."""
