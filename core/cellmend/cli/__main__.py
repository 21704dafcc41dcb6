"""``python -m cellmend.cli`` is the command line."""

import sys

from cellmend.cli import main

sys.exit(main())
