"""Rules of the house that a reader would check with grep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator import containers, fleet

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCT = [
    path for folder in ("plugins", "roles", "playbooks") for path in (CHECKOUT / folder).rglob("*") if path.is_file()
]


@pytest.mark.parametrize(
    "word", ["simulat", containers.LABEL, containers.IMAGE, fleet.NAME, *(g.name for g in fleet.FLEET)]
)
def test_the_product_knows_nothing_of_the_simulator(word: str) -> None:
    texts = {
        path: path.read_text() for path in PRODUCT if path.suffix in (".py", ".yml", ".yaml", ".json", ".j2", ".txt")
    }
    assert texts
    assert [str(path) for path, text in texts.items() if re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE)] == []
