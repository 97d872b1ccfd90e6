"""What the simulator's README names is there."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

SIMULATOR = Path(__file__).resolve().parents[3] / "simulator"
README = (SIMULATOR / "README.md").read_text(encoding="utf-8")
SOURCES = [*SIMULATOR.glob("*.py"), *SIMULATOR.glob("broker/*.py"), *SIMULATOR.glob("image/gateway/*.py")]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(\w+\.py)\b", README))))
def test_file(name: str) -> None:
    assert name in {path.name for path in SOURCES}


def test_every_place_where_a_condition_arises() -> None:
    (table,) = re.findall(r"^\| cause \|.*?\n\n", README, re.MULTILINE | re.DOTALL)
    named = set(chain(*(re.findall(r"`(\w+)`", row.split("|")[3]) for row in table.splitlines()[2:] if row)))
    defined = set(re.findall(r"def (\w+)", "".join(path.read_text(encoding="utf-8") for path in SOURCES)))
    assert named
    assert named - defined == set()
