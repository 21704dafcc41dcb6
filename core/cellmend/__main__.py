"""``python -m cellmend`` is the command line."""

import sys

from cellmend.cli import main

sys.exit(main())
