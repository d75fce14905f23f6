"""Read closed captions that travel inside the pictures: CEA-608 from the A/53 user data of H.264, HEVC and MPEG-2.

In: a Matroska file into which ffmpeg has copied nothing of a film but its user data (`COPIED` says how), or the byte
pairs themselves. Out: cues of plain text, in milliseconds of the film. What can go wrong: `CaptionsBroken` when the
file is not what ffmpeg writes; damaged pairs are passed over, as a television does.

Copied, and not decoded: a second decode of the film would cost more than all its captions are worth, and ffmpeg's own
caption decoder reads the first channel only, through a filter that opens files by itself. Channels CC1 to CC4 are read
from the 608 pairs, which CEA-708 streams carry along; 708's own services are not.

The tables and the behaviour are ANSI/CTA-608-E's: pop-on, roll-up and paint-on; colours and places are left out, as
MediaConvert leaves them out unless StylePassthrough asks for them. A line of roll-up captions appears whole, at the
time its first letter did.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.local.mediaconvert.captions import CaptionsBroken, Cue

#: codec -> the bitstream filter that leaves nothing but SEI messages or user data in a packet
COPIED = {
    "h264": "filter_units=pass_types=6",
    "hevc": "filter_units=pass_types=39-40",
    "mpeg2video": "filter_units=pass_types=178",
}

Pair = tuple[int, int, int, int]  # milliseconds, field (1 or 2), and two bytes as they were sent, with parity


# --- from a file of user data ----------------------------------------------------------------------------------------

_SEGMENT, _CLUSTER, _GROUP = 0x18538067, 0x1F43B675, 0xA0
_CLUSTER_TIME, _SIMPLE_BLOCK, _BLOCK = 0xE7, 0xA3, 0xA1
_USER_DATA = b"GA94\x03"  # ATSC A/53: cc_data() follows


def read_pairs(path: Path) -> list[Pair]:
    """Every valid pair of both fields, in the order of presentation (packets come in the order of decoding)."""
    try:
        frames = sorted(_blocks(path.read_bytes()), key=lambda frame: frame[0])
    except (IndexError, struct.error, ValueError) as error:
        raise CaptionsBroken(f"{path.name}: {error}") from error
    return [(ms, *pair) for ms, data in frames for pair in cc_pairs(data)]


def cc_pairs(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(field, byte, byte) of each 608 pair in a picture's user data."""
    at = data.find(_USER_DATA)
    while at >= 0:
        plain = data[at + len(_USER_DATA) : at + len(_USER_DATA) + 160].replace(b"\x00\x00\x03", b"\x00\x00")
        if len(plain) > 2 and plain[0] & 0x40:
            for start in range(2, 2 + 3 * (plain[0] & 0x1F), 3):
                triplet = plain[start : start + 3]
                if len(triplet) == 3 and triplet[0] & 0x04 and triplet[0] & 0x03 < 2:
                    yield (triplet[0] & 0x03) + 1, triplet[1], triplet[2]
        at = data.find(_USER_DATA, at + 1)


def _blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(milliseconds, bytes) of each packet. ffmpeg writes Matroska in milliseconds."""
    cluster_ms = 0
    pending = [(0, len(data))]
    while pending:
        at, end = pending.pop()
        while at < end:
            identifier, at = _number(data, at, marker=True)
            size, at = _number(data, at, marker=False)
            stop = min(at + size, end)
            if identifier in (_SEGMENT, _CLUSTER, _GROUP):
                pending.append((stop, end))
                end = stop
                continue
            if identifier == _CLUSTER_TIME:
                cluster_ms = int.from_bytes(data[at:stop], "big")
            elif identifier in (_SIMPLE_BLOCK, _BLOCK):
                _, body = _number(data, at, marker=False)  # the track
                (relative,) = struct.unpack_from(">h", data, body)
                yield cluster_ms + relative, data[body + 3 : stop]
            at = stop


def _number(data: bytes, at: int, marker: bool) -> tuple[int, int]:
    """An EBML number and where it ends; a size of all ones means "to the end"."""
    if not data[at]:
        raise ValueError(f"no element at byte {at}")
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big")
    if not marker:
        value &= (1 << (7 * width)) - 1
        value = len(data) if value == (1 << (7 * width)) - 1 else value
    return value, at + width


# --- what the pairs say ----------------------------------------------------------------------------------------------

_PLAIN = {0x2A: "á", 0x5C: "é", 0x5E: "í", 0x5F: "ó", 0x60: "ú", 0x7B: "ç", 0x7C: "÷", 0x7D: "Ñ", 0x7E: "ñ", 0x7F: "█"}
_SPECIAL = "®°½¿™¢£♪à èâêîôû"  # the tenth is a transparent space
_EXTENDED = {
    0x12: "ÁÉÓÚÜü‘¡*’—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»",
    0x13: "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘",
}
_ROWS = {0x10: (11, 11), 0x11: (1, 2), 0x12: (3, 4), 0x13: (12, 13), 0x14: (14, 15), 0x15: (5, 6), 0x16: (7, 8),
         0x17: (9, 10)}  # fmt: skip
_COLUMNS, _BOTTOM = 32, 15


def cues(pairs: Iterable[Pair], channel: int, end_ms: int) -> list[Cue]:
    """The captions of CC1 to CC4; what is still shown when the film ends, ends with it."""
    field, second = (1, 2)[channel > 2], channel in (2, 4)
    screen, before = _Screen(), None
    listening = data_service = False
    for ms, of_field, high, low in pairs:
        if of_field != field:
            continue
        first, other = high & 0x7F, low & 0x7F
        if first < 0x10:
            before = None
            if field == 2 and first:  # extended data services: programme names and ratings, to the end code
                data_service = first != 0x0F
        elif first < 0x20:
            data_service = False
            if (first, other) == before:  # control codes are sent twice
                before = None
                continue
            before = (first, other)
            listening = bool(first & 0x08) == second
            if listening:
                screen.control(ms, first & 0xF7, other)
        else:
            before = None
            if listening and not data_service:
                screen.write(ms, _letter(first))
                if other >= 0x20:
                    screen.write(ms, _letter(other))
    screen.tell(end_ms)
    return screen.cues


def _letter(code: int) -> str:
    return _PLAIN.get(code, chr(code))


_Memory = dict[int, dict[int, str]]  # row -> column -> letter


class _Screen:
    """A caption decoder's two memories: what is shown and, in pop-on captions, what is made ready."""

    def __init__(self) -> None:
        self.cues: list[Cue] = []
        self._mode = "pop"  # or roll, paint; nothing in text mode. A film cut from a programme may begin in mid-caption
        self._shown: _Memory = {}
        self._ready: _Memory = {}
        self._row, self._column, self._rows_rolled = _BOTTOM, 0, 2
        self._since = 0

    def control(self, ms: int, first: int, other: int) -> None:
        if first in (0x14, 0x15) and 0x20 <= other <= 0x2F:
            self._command(ms, other)
        elif first == 0x17 and 0x21 <= other <= 0x23:
            self._column = min(_COLUMNS - 1, self._column + other - 0x20)
        elif first == 0x11 and 0x20 <= other <= 0x2F:  # a change of style takes a column
            self.write(ms, " ")
        elif first == 0x11 and 0x30 <= other <= 0x3F:
            self.write(ms, _SPECIAL[other - 0x30])
        elif first in _EXTENDED and 0x20 <= other <= 0x3F:  # after a plain letter for decoders that do not know it
            self._back()
            self.write(ms, _EXTENDED[first][other - 0x20])
        elif other >= 0x40:
            self._address(_ROWS[first][other & 0x20 > 0], (other & 0x0E) * 2 if other & 0x10 else 0)

    def write(self, ms: int, letter: str) -> None:
        memory = self._memory()
        if memory is None:
            return
        if memory is self._shown and not self._shown:
            self._since = ms
        memory.setdefault(self._row, {})[self._column] = letter
        self._column = min(_COLUMNS - 1, self._column + 1)

    def tell(self, ms: int) -> None:
        """What was shown until now is a cue."""
        text = _text(self._shown)
        if text and ms > self._since:
            self.cues.append(Cue(self._since, ms, text))
        self._since = ms

    def _memory(self) -> _Memory | None:
        return {"pop": self._ready, "roll": self._shown, "paint": self._shown}.get(self._mode)

    def _command(self, ms: int, code: int) -> None:
        if code == 0x20:  # resume caption loading
            self._mode = "pop"
        elif code == 0x21:
            self._back()
        elif code == 0x24:  # delete to end of row
            self._erase_from(self._column)
        elif code in (0x25, 0x26, 0x27):
            self._roll_up(ms, code - 0x23)
        elif code == 0x29:  # resume direct captioning
            self.tell(ms)
            self._mode = "paint"
        elif code in (0x2A, 0x2B):  # text mode is not captions
            self._mode = ""
        elif code == 0x2C:  # erase displayed memory
            self.tell(ms)
            self._shown = {}
        elif code == 0x2D:
            self._carriage_return(ms)
        elif code == 0x2E:
            self._ready = {}
        elif code == 0x2F:  # end of caption: what is ready is shown
            self.tell(ms)
            self._mode = "pop"
            self._shown, self._ready = self._ready, self._shown

    def _roll_up(self, ms: int, rows: int) -> None:
        if self._mode != "roll":
            self.tell(ms)
            self._shown, self._ready = {}, {}
            self._row, self._column = _BOTTOM, 0
        self._mode, self._rows_rolled = "roll", rows

    def _carriage_return(self, ms: int) -> None:
        if self._mode != "roll":
            return
        self.tell(ms)
        self._move_rows(-1)
        self._shown = {row: cells for row, cells in self._shown.items() if row > self._row - self._rows_rolled}
        self._column = 0

    def _move_rows(self, by: int) -> None:
        self._shown = {row + by: cells for row, cells in self._shown.items()}

    def _address(self, row: int, column: int) -> None:
        if self._mode == "roll":  # the whole window moves
            self._move_rows(row - self._row)
        self._row, self._column = row, column

    def _back(self) -> None:
        self._column = max(0, self._column - 1)
        self._erase_from(self._column)

    def _erase_from(self, column: int) -> None:
        cells = (self._memory() or {}).get(self._row, {})
        for at in [at for at in cells if at >= column]:
            del cells[at]


def _text(memory: _Memory) -> str:
    lines = []
    for _, cells in sorted(memory.items()):
        if cells:
            line = "".join(cells.get(column, " ") for column in range(min(cells), max(cells) + 1))
            lines.append(" ".join(line.split()))
    return "\n".join(filter(None, lines))
