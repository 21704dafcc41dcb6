"""The table of promises names tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_the_table_of_promises_names_tests_that_exist():
    source = ""
    for word in re.findall(r"`(\S+)`", (HERE / "README.md").read_text()):
        if word.endswith(".py"):
            source = (HERE / word).read_text()
        elif word.startswith("test_"):
            assert f"def {word}(" in source, word
