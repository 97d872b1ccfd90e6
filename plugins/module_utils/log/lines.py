# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bytes of a log, in whatever container of lines they came, as the lines that the controller printed.

A log passes through many hands before somebody looks at it: `docker logs -t`, compose, journald, json-file, Kubernetes, log
shippers, a mail, a terminal of 80 columns. What they added is taken off here, and their time stamp kept: it is the only one
that is UTC. Nothing here knows what a line means.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from ansible_collections.ibgw.ops.plugins.module_utils.redact import without_control
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

#: Longer lines are cut: no controller prints one that says more in what follows.
LONGEST_LINE = 4096

#: What is read before the form of the log is decided.
_SAMPLE = 256 << 10

#: Bytes that are looked at together when only some lines matter.
_BLOCK = 1 << 20

#: Lines of which the first may tell when the log begins.
_HEAD = 200

_UTF8 = "utf-8-sig"


@dataclass(frozen=True)
class Line:
    """One line as it was printed: without what was put around it on its way."""

    number: int
    text: str
    #: The time that the log's keeper wrote down, with its zone; None where it did not.
    stamp: str | None = None
    #: Which of several services it came from, as compose names them.
    service: str | None = None
    #: Whether the log ends in the middle of this line.
    cut: bool = False

    @property
    def at(self) -> float | None:
        """The time that the log's keeper wrote down, in seconds since the epoch."""
        return epoch(self.stamp)


class Log:
    """A log that comes in `chunks`, and how its lines were kept."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        sample = bytearray()
        while (chunk := next(self._chunks, None)) is not None:
            sample += chunk
            if len(sample) >= _SAMPLE and (sample.count(b"\n") > 50 or len(sample) >= 16 * _SAMPLE):
                break
        self._sample = bytes(sample)
        self._encoding = _encoding(self._sample)
        self._entries = list(_entries([self._sample.decode(self._encoding, "replace")]))
        self._form = _Form([entry.text for entry in self._entries])

    @property
    def line_by_line(self) -> bool:
        """Whether each line lies in the bytes as it was written, so that one can be read without the others."""
        return self._encoding == _UTF8 and not self._form.newest_first and not self._form.width

    @property
    def of_several(self) -> bool:
        """Whether several services may write into it, as compose shows them."""
        return self._form.compose

    def head(self) -> Iterator[Line]:
        """Some of the first lines as they lie there."""
        return self._form.read(self._entries[:_HEAD])

    def lines(self) -> Iterator[Line]:
        """All lines, oldest first."""
        entries: Iterator[Entry] = _entries(_decoded(chain([self._sample], self._chunks), self._encoding))
        if self._form.newest_first:
            entries = reversed(list(entries))
        if self._form.width:
            entries = _unwrapped(entries, self._form.width)
        return self._form.read(entries)

    def blocks(self) -> Iterator[bytes]:
        """All bytes in blocks that end where a line does; of a line of megabytes, the beginning."""
        rest: list[bytes] = []
        size = 0
        for chunk in chain([self._sample], self._chunks):
            end = chunk.rfind(b"\n") + 1
            if end and size + end >= _BLOCK:
                yield b"".join((*rest, chunk[:end]))
                rest, size, chunk = [], 0, chunk[end:]
            elif size > _BLOCK and not end:
                continue
            rest.append(chunk)
            size += len(chunk)
        if size:
            yield b"".join(rest)

    def line(self, raw: bytes, number: int) -> Line:
        """One line of a block."""
        return self._form.line(raw[: 4 * LONGEST_LINE].decode("utf-8", "replace")[:LONGEST_LINE], number)

    def lines_of(self, blocks: Iterable[bytes], number: int) -> Iterator[Line]:
        """The lines of some of the blocks, of which the first has the `number`."""
        return self._form.read(_entries(_decoded(blocks, self._encoding), number))


def lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The lines of a log that comes in `chunks`, oldest first."""
    return Log(chunks).lines()


class Entry(NamedTuple):
    """A line as it lies in the log, and whether the log ends in the middle of it."""

    number: int
    text: str
    cut: bool


# Bytes to text


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", True)


def _encoding(start: bytes) -> str:
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = start[:512]
    if len(head) > 8 and head[1::2].count(0) > len(head) // 3 and head[0::2].count(0) < len(head) // 8:
        return "utf-16-le"
    return _UTF8


def _entries(texts: Iterable[str], number: int = 1) -> Iterator[Entry]:
    """The lines of `texts`, the first with `number`; one of megabytes costs no more memory than a long one."""
    rest = ""
    for text in texts:
        *done, rest = (rest + text).split("\n")
        for line in done:
            yield Entry(number, line[:LONGEST_LINE], False)
            number += 1
        rest = rest[:LONGEST_LINE]
    if rest:
        yield Entry(number, rest, True)


# Around the line

# The raw Docker API puts eight bytes before a piece of output: stream, three zeros, length (Docker Engine API, attach).
_FRAME = re.compile(r"[\x00-\x02]\x00{3}.{4}", re.DOTALL)
_HTML = re.compile(r"&(?:gt|lt|amp|quot|#\d{1,5}|#x[0-9A-Fa-f]{1,4});")

_ISO = r"(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d))"

_QUOTED = re.compile(r"(?:> ?)+")  # a mail's
_COMPOSE = re.compile(r"(?P<service>[A-Za-z0-9][\w.-]{0,80}?) {0,60}\| ?")
_STAMPED = re.compile(_ISO + r"[ \t]?")
_CRI = re.compile(r"(?:stdout|stderr) ([FP]) ?")  # Kubernetes
_JOURNAL = re.compile(
    r"(?:"
    + _ISO
    + r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?) [\w.-]+ (?:[^\s\[\]:]{1,80}\[\d+\]|[A-Za-z][^\s\[\]:]{0,80}): ?"
)
_RELAYED = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (?:[\w.-]+ - )?[A-Z]+ - "
)  # a Python program's log of it
_LABELS = re.compile(r"\{[\w.]+=\"[^\"]*\"(?:, ?[\w.]+=\"[^\"]*\")*\} ?")  # a log shipper's

#: Under which name an entry in JSON has the line, and when it was written (Docker's json-file and fluentd drivers, journald, Logstash,
#: Google Cloud, Loki).
_JSON_LINE = ("log", "MESSAGE", "message", "textPayload", "line")
_JSON_TIME = ("time", "@timestamp", "timestamp")

#: The controllers' own stamp, to find what an unknown hand put before it (IBC Utils.java:35 and its likes).
_OWN_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[:,.]\d{3} ")

#: What differs from line to line in what is put before one: numbers, the names of days and months, halves of the day, padding.
_VARYING = re.compile(
    r"(\d+| +|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun|AM|PM)\b)"
)


class _Form:
    """How the log that `sample` is from was kept."""

    def __init__(self, sample: list[str]) -> None:
        clean = [_clean(text) for text in sample]
        entries = [entry for entry in map(_json_entry, clean) if entry]
        self.json = len(entries) > len(clean) / 2
        #: Whether an entry without an end of line is a part of one.
        self.ended = any(text.endswith("\n") for text, _stamp in entries)
        self.compose = _agree(clean, _COMPOSE)
        self.journal = _agree(clean, _JOURNAL)
        self.quoted = _agree(clean, _QUOTED)
        self.relayed = _agree(clean, _RELAYED)
        self.learned: re.Pattern[str] | None = None
        peeled = [self._peel(text) for text in sample]
        self.learned = _unknown_prefix([text for text, *_rest in peeled])
        self.newest_first = _falling(stamp or own_stamp(text) for text, stamp, *_rest in peeled)
        self.width = _wrap_width([text.rstrip("\r") for text in sample])

    def read(self, entries: Iterable[Entry]) -> Iterator[Line]:
        half = ""  # the first part of a line that its keeper split
        for entry in entries:
            text, stamp, service, complete = self._peel(entry.text)
            text = (half + text)[:LONGEST_LINE]
            half = "" if complete else text
            if complete or entry.cut:
                yield Line(entry.number, text, stamp, service, entry.cut)

    def line(self, raw: str, number: int) -> Line:
        """A line that is whole by itself."""
        text, stamp, service, _complete = self._peel(raw)
        return Line(number, text, stamp, service)

    def _peel(self, raw: str) -> tuple[str, str | None, str | None, bool]:
        """The line itself, the keeper's time stamp, its service, and whether it is complete."""
        text = _clean(raw)
        stamp: str | None = None
        service: str | None = None
        complete = True
        if self.json and (entry := _json_entry(text)):
            text, stamp = entry
            complete = text.endswith("\n") or not self.ended
            text = _clean(text.rstrip("\r\n"))
        if self.quoted:
            text = _QUOTED.sub("", text, count=1) if text.startswith(">") else text
        if self.compose and (found := _COMPOSE.match(text)):
            service, text = found["service"], text[found.end() :]
        if self.relayed and (found := _RELAYED.match(text)):
            text = text[found.end() :]
        if self.journal and (found := _JOURNAL.match(text)):
            stamp, text = found["iso"], text[found.end() :]
        elif found := _STAMPED.match(text):
            stamp, text = found["iso"], text[found.end() :]
            if found := _CRI.match(text):
                complete, text = found[1] == "F", text[found.end() :]
        if found := _LABELS.match(text):
            text = text[found.end() :]
        if self.learned and (found := self.learned.match(text)):
            text = text[found.end() :]
        return text, stamp, service, complete


def _clean(text: str) -> str:
    if text[1:4] == "\0\0\0":
        text = _FRAME.sub("", text, count=1)
    if not text.isprintable():
        text = without_control(text).replace("\xa0", " ")  # copied from a web page
    return html.unescape(text) if "&" in text and _HTML.search(text) else text


def _json_entry(text: str) -> tuple[str, str | None] | None:
    """The line that an entry in JSON holds, and its keeper's time stamp; None where it is cut, or none."""
    if text.endswith(('"', '",')):  # one of a list, as Ansible shows what a command printed
        return _listed(text.strip())
    if not text.startswith('{"'):
        return None
    try:
        entry = json.loads(text)
        kept = next(entry[name] for name in _JSON_LINE if isinstance(entry.get(name), (str, list)))
        # What journald takes for binary is a list of bytes (systemd, JOURNAL_EXPORT_FORMATS.md).
        line = kept if isinstance(kept, str) else bytes(kept).decode("utf-8", "replace")
    except (ValueError, TypeError, RecursionError, StopIteration):
        return None
    stamps = (entry[name] for name in _JSON_TIME if isinstance(entry.get(name), str))
    return line, next(stamps, None) or _journal_time(entry.get("__REALTIME_TIMESTAMP"))


def _listed(text: str) -> tuple[str, None] | None:
    try:
        line = json.loads(text.rstrip(","))
    except (ValueError, RecursionError):
        return None
    return (line, None) if isinstance(line, str) else None


def _journal_time(microseconds: object) -> str | None:
    if not (isinstance(microseconds, str) and microseconds.isdecimal() and len(microseconds) < 18):
        return None
    seconds, fraction = divmod(int(microseconds), 1_000_000)
    return f"{iso(seconds)[:-1]}.{fraction:06d}Z"


def _agree(texts: list[str], prefix: re.Pattern[str]) -> bool:
    """Whether most lines begin so: one that does by chance says nothing about how the log was kept."""
    written = [text for text in texts if text]
    return sum(1 for text in written if prefix.match(text)) > len(written) * 0.6


def _unknown_prefix(texts: list[str]) -> re.Pattern[str] | None:
    """What an unknown hand put before the controller's own stamp in most of the stamped lines."""
    shapes: Counter[str] = Counter()
    stamped = 0
    for text in texts:
        found = _OWN_STAMP.search(text, 0, 200)
        if found:
            stamped += 1
            if found.start():
                shapes[_shape(text[: found.start()])] += 1
    if not shapes:
        return None
    shape, count = shapes.most_common(1)[0]
    if count < 3 or count * 2 < stamped:  # else a line that quotes another would make one
        return None
    return re.compile(shape)


def _shape(prefix: str) -> str:
    """`prefix` as a pattern of itself and of its like: with other numbers, of another day, and padded otherwise."""
    text = prefix.lstrip(" ")
    if not text:  # all that was put before is an indent
        return re.escape(prefix)
    inner = text.rstrip(" ")  # what follows may be indented itself
    parts = (re.escape(part) if number % 2 == 0 else _like(part) for number, part in enumerate(_VARYING.split(inner)))
    return f" *{''.join(parts)}{text[len(inner) :]}"


def _like(part: str) -> str:
    return r"\d+" if part.isdigit() else " +" if part.isspace() else "[AP]M" if part.endswith("M") else "[A-Z][a-z]{2}"


def own_stamp(text: str) -> str:
    """A controller's own stamp in `text`, or nothing."""
    found = _OWN_STAMP.search(text, 0, 200)
    return found[0] if found else ""


def _falling(moments: Iterable[str]) -> bool:
    """Whether the log begins with its end."""
    rises = falls = 0
    known = [moment for moment in moments if moment]
    for earlier, later in zip(known, known[1:]):
        rises += earlier < later
        falls += earlier > later
    return falls > 2 and falls > rises * 2


def _wrap_width(texts: list[str]) -> int:
    """The width of the terminal that this was copied from; 0 where lines were not broken."""
    width = max(map(len, texts), default=0)
    broken = [text for text, rest in zip(texts, texts[1:]) if len(text) == width and not _begins(rest)]
    different = {re.sub(r"\d", "", text) for text in broken}  # a line that comes again and again has one length
    return width if 40 <= width <= 400 and len(broken) >= 5 and len(different) > 2 else 0


def _unwrapped(entries: Iterable[Entry], width: int) -> Iterator[Entry]:
    whole: Entry | None = None
    full = False  # whether what was read last filled the line
    for entry in entries:
        text = entry.text.rstrip("\r")
        if whole is not None and full and not _begins(text):
            whole = Entry(whole.number, (whole.text + text)[:LONGEST_LINE], entry.cut)
        else:
            if whole is not None:
                yield whole
            whole = Entry(entry.number, text, entry.cut)
        full = len(text) == width
    if whole is not None:
        yield whole


def _begins(text: str) -> bool:
    """Whether `text` is surely the start of a line."""
    return bool(_OWN_STAMP.match(text) or _STAMPED.match(text))
