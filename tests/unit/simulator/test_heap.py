"""The heap of a simulated Java machine: its limit, and what is said of it."""

from __future__ import annotations

import pytest

from simulator.image.gateway.heap import Heap, OutOfMemoryError


@pytest.mark.parametrize(("option", "size"), [("2048", 2048), ("2k", 2048), ("2K", 2048), ("1m", 2**20)])
def test_no_more_is_kept_than_the_option_allows(option: str, size: int) -> None:
    heap = Heap.of(option)
    heap.keep("." * (size - 1))
    heap.need(1)
    heap.keep(".")
    with pytest.raises(OutOfMemoryError):
        heap.need(1)


def test_a_thread_that_finds_no_room_is_named_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    OutOfMemoryError().end("JTS-1")
    assert capfd.readouterr() == ("", 'Exception in thread "JTS-1" java.lang.OutOfMemoryError: Java heap space\n')
