"""How properties are tested: however slow the machine is, for a test does not measure time.

`HYPOTHESIS_PROFILE=long` tries far more examples, for minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None, max_examples=50)
settings.register_profile("long", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Prometheus' tool for rules and metrics."""
    path = Path(__file__).parents[2] / ".cache" / "promtool"
    assert path.exists(), "promtool is not there; make tools fetches it"
    return path
