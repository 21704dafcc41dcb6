"""Where the built program starts: the command line, the window, and Dask's worker processes."""

import multiprocessing
import os
import sys
from pathlib import Path

# Worker processes are this same program, started again; here they turn to their work.
multiprocessing.freeze_support()

# The window's program on Windows has no console, and thus nowhere to print to.
for stream in ("stdout", "stderr"):
    if getattr(sys, stream) is None:
        setattr(sys, stream, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115

# Compiled kernels are kept with the person's own files: the program's folder may belong to
# an administrator, or be signed. Each program has its own, as numba ties kernels to one.
home = Path(os.environ.get("CELLMEND_HOME") or Path.home() / ".cellmend")
os.environ.setdefault("NUMBA_CACHE_DIR", str(home / "kernels" / Path(sys.executable).stem))

from cellmend.cli import main  # noqa: E402  # after what it depends on

sys.exit(main())
