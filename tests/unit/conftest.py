"""How properties are tested: however slow the machine is, for a test does not measure time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
