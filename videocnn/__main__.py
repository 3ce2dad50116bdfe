"""`python -m videocnn` is the `videocnn` command."""

from videocnn.cli import main

main()
