"""The command line ``cellmend``: one file per command, and what they share.

A command's file has ``add_arguments``, which describes its switches, and ``run``,
which does the work and returns the exit status: 0 when all went well, 1 when a
file failed, 2 for wrong usage. Nothing slow is imported before ``run``.
"""

from cellmend.cli.main import main

__all__ = ["main"]
