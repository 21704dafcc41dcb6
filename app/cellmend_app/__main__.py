"""``python -m cellmend_app FILES...`` opens the window."""

import sys

from cellmend_app.main import main

sys.exit(main(sys.argv[1:]))
