"""For every test: one thread of torch, which is quickest for the small networks of tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
