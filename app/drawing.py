"""A moment as a drawing: listing, state and the run's outline, 1200 × 630, as SVG and, through resvg, as PNG.

Everything that a program or a visitor wrote becomes escaped text of a limited length; nothing else of theirs gets in.
Colours and their second cues are those of the page (static/css/tokens.css).
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import resvg_py
from fontTools import subset
from fontTools.ttLib import TTFont
from markupsafe import escape

from app.moments import Fact, Group, Moment, Row
from engine.errors import HostUnavailable
from engine.events import StepFlag

WIDTH, HEIGHT = 1200, 630
BAR, SPLIT, STRIP = 64, 640, 508
#: Height of a row of code, of a fact, of a heading.
ROW, FACT, HEAD = 24, 27, 30
#: How much larger rows get where there are few.
LARGEST = 1.3
#: Advance of JetBrains Mono, in shares of the size.
MONO = 0.6
#: Files of Debian's fonts-jetbrains-mono, fonts-inter and fonts-wqy-microhei (for Chinese).
FONTS = (
    Path("/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf"),
    Path("/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Bold.ttf"),
    Path("/usr/share/fonts/opentype/inter/Inter-Regular.otf"),
    Path("/usr/share/fonts/opentype/inter/Inter-SemiBold.otf"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
)
MARKS = StepFlag.OUTPUT | StepFlag.EXIT
FAILURES = StepFlag.ERROR | StepFlag.FAULT

LIGHT = {
    **{"chrome": "#f0f0ee", "pane": "#fcfcfb", "sunk": "#f5f5f3", "line": "#dededa", "line2": "#b7b7b1"},
    **{"ink": "#17191c", "ink2": "#474c52", "ink3": "#5f656c", "now": "#e6e8ea", "write": "#874a00"},
    **{"writebg": "#ffeec4", "open": "#006d66", "openbg": "#daf0ed", "closed": "#653eab", "closedbg": "#ede6fa"},
    **{"err": "#b0231b"},
}
DARK = {
    **{"chrome": "#1b1d20", "pane": "#141619", "sunk": "#191b1f", "line": "#2b2e33", "line2": "#4a4f56"},
    **{"ink": "#e8eaec", "ink2": "#b4bac0", "ink3": "#8f969d", "now": "#282c31", "write": "#f0b64e"},
    **{"writebg": "#38290a", "open": "#56cfc0", "openbg": "#0d332f", "closed": "#c2a7f6", "closedbg": "#2c2247"},
    **{"err": "#ff938a"},
}
HUES = ("#0072b2", "#b4560a", "#00795c", "#a53d8b", "#66700a", "#6a62d8", "#8a4a30", "#60707b")
PALETTES = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Words:
    """What the drawing says besides the program's own words. `titles`: of the groups, by their English names."""

    step: str
    past: str
    open: str
    closed: str
    line: str
    titles: Callable[[str], str]


class Sheet:
    """Collects the elements of a drawing."""

    def __init__(self, palette: dict[str, str]) -> None:
        self.palette = palette
        self.parts: list[str] = []

    def colour(self, name: str) -> str:
        """A colour of the palette, or one that is none of its names."""
        return self.palette.get(name, name)

    def rect(self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "") -> None:
        """A filled rectangle."""
        outline = f' stroke="{self.colour(stroke)}" stroke-width="1.5"' if stroke else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{self.colour(fill)}"{outline}/>'
        )

    def path(self, d: str, fill: str = "none", stroke: str = "", width: float = 1.5) -> None:
        """A path, by SVG's own words for it."""
        line = f' stroke="{self.colour(stroke)}" stroke-width="{width:g}" stroke-linejoin="round"' if stroke else ""
        self.parts.append(f'<path d="{d}" fill="{self.colour(fill)}"{line}/>')

    def text(
        self, x: float, y: float, text: str, fill: str = "ink", *, size: float = 16, kind: str = "m", end: bool = False
    ) -> None:
        """A line of text on the baseline `y`. kind: `m` code, `mb` bold code, `u` words, `ub` bold words."""
        if not text:
            return
        anchor = ' text-anchor="end"' if end else ""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" class="{kind}" font-size="{size:g}" fill="{self.colour(fill)}"{anchor} '
            f'xml:space="preserve">{_escaped(text)}</text>'
        )


def draw(moment: Moment, title: str, theme: str, words: Words, code: str = "", *, embed_fonts: bool = False) -> str:
    """The drawing as SVG. `code`: the source line of the step; `embed_fonts`: so that it looks the same anywhere."""
    sheet = Sheet(PALETTES[theme])
    sheet.rect(0, 0, WIDTH, HEIGHT, "pane")
    _bar(sheet, moment, title, words)
    _listing(sheet, moment, words, code)
    sheet.rect(SPLIT, BAR, 1, STRIP - BAR, "line2")
    _state(sheet, moment.groups, words)
    _outline(sheet, moment)
    style = (
        ".m,.mb{font-family:'JetBrains Mono','Glassbox Mono',Menlo,Consolas,'WenQuanYi Micro Hei',monospace;"
        "font-variant-ligatures:none}.u,.ub{font-family:Inter,system-ui,'WenQuanYi Micro Hei',sans-serif}"
        ".mb{font-weight:700}.ub{font-weight:600}"
    )
    fonts = _font_faces() if embed_fonts else ""
    label = _escaped(f"{title}, {words.step} {moment.tick}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img"><title>{label}</title><style>{fonts}{style}</style>{"".join(sheet.parts)}</svg>'
    )


def rasterize(svg: str, scale: int = 1) -> bytes:
    """The drawing as PNG, `scale` pixels a unit. HostUnavailable without the fonts."""
    files = [str(path) for path in FONTS if path.is_file()]
    if not files:
        raise HostUnavailable("this server has no fonts to draw with", hint="install fonts-jetbrains-mono")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, font_files=files, skip_system_fonts=True, width=WIDTH * scale))


def _escaped(text: str) -> str:
    """Text for XML; what no line shows (control characters, halves of characters) becomes a dot."""
    return str(escape("".join(c if c.isprintable() else "·" for c in text)))


def fitting(text: str, width: float, size: float) -> str:
    """As much of a line of code as fits the width."""
    most = max(1, int(width / (size * MONO)))
    return text if len(text) <= most else text[: most - 1] + "…"


def _bar(sheet: Sheet, moment: Moment, title: str, words: Words) -> None:
    sheet.rect(0, 0, WIDTH, BAR, "chrome")
    sheet.rect(0, BAR - 1, WIDTH, 1, "line2")
    sheet.path("M24 23.5 38 16l14 7.5v17L38 48l-14-7.5zM24 23.5 38 31l14-7.5M38 31v17", stroke="ink", width=2.4)
    sheet.text(64, 40, "Glassbox", size=24, kind="ub")
    numbers = f"{moment.tick:,} / {moment.frontier:,}"
    right = WIDTH - 24.0
    sheet.text(right, 39, numbers, size=20, kind="mb", end=True)
    right -= len(numbers) * 20 * MONO + 10
    sheet.text(right, 39, words.step, "ink2", size=18, kind="u", end=True)
    right -= 18 * len(words.step) * (1.0 if ord(words.step[0]) > 0x2E80 else 0.6) + 16
    if moment.tick < moment.frontier:
        width = 16 * len(words.past) * (1.1 if ord(words.past[0]) > 0x2E80 else 0.78) + 18
        sheet.rect(right - width, 18, width, 28, "ink")
        sheet.text(right - width + 9, 38, words.past, "pane", size=16, kind="ub")
        right -= width + 16
    room = int((right - 200) / 10.5)
    sheet.text(190, 40, title if len(title) <= room else title[: max(1, room - 1)] + "…", "ink2", size=20, kind="u")


def _listing(sheet: Sheet, moment: Moment, words: Words, code: str) -> None:
    top = BAR
    now = next((row for row in moment.rows if row.now), None)
    if now and now.line and code.strip():
        sheet.rect(0, top, SPLIT, 38, "now")
        sheet.rect(0, top, 4, 38, "ink")
        sheet.text(24, top + 25, words.line.format(n=now.line), "ink2", size=15, kind="u")
        sheet.text(110, top + 25, fitting(code.strip(), SPLIT - 126, 18), size=18, kind="mb")
        top += 38
    sheet.rect(0, top, SPLIT, HEAD, "sunk")
    sheet.rect(0, top + HEAD, SPLIT, 1, "line")
    sheet.text(24, top + 21, fitting(moment.function, 560, 15), size=15, kind="mb")
    y = float(top + HEAD + 1)
    rows = _around(moment.rows, int((STRIP - y) // ROW))
    tall = min(LARGEST * ROW, (STRIP - y) / max(1, len(rows)))
    hues: dict[int, str] = {}
    for row in rows:
        _row(sheet, row, y, tall, hues.setdefault(row.line or 0, HUES[len(hues) % len(HUES)]))
        y += tall


def _around(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """As many rows as there is room for, with the last executed one in the middle."""
    at = next((n for n, row in enumerate(rows) if row.now or row.next), 0)
    first = max(0, min(at - most // 2, len(rows) - most))
    return rows[first : first + most]


def _row(sheet: Sheet, row: Row, y: float, tall: float, hue: str) -> None:
    if row.now:
        sheet.rect(0, y, SPLIT, tall, "now")
        sheet.rect(0, y, 4, tall, "ink")
    if row.next:
        sheet.rect(0, y, SPLIT, 1, "ink3")
        sheet.rect(0, y + tall - 1, SPLIT, 1, "ink3")
    base, grown = y + tall * 0.7, tall / ROW
    size = 15 * grown
    sheet.text(78, base, row.number[-6:], "ink" if row.now else "ink3", size=size, end=True)
    sheet.rect(88, y + 1, 4, tall - 2, hue)
    sheet.text(100, base, str(row.line) if row.line is not None else "", "ink3", size=size)
    sheet.text(150, base, row.op, size=size, kind="mb")
    args = 150 + 114 * grown
    sheet.text(args, base, fitting(row.args, 150 * grown, size), size=size)
    comment = args + max(10, min(len(row.args), 16) + 1) * size * MONO
    sheet.text(comment, base, fitting(row.comment, SPLIT - 8 - comment, size), "ink2", size=size)


def _state(sheet: Sheet, groups: Sequence[Group], words: Words) -> None:
    y = float(BAR)
    shown = [group for group in groups if group.facts][:3]
    lines = sum(len(group.facts) for group in shown)
    tall = max(FACT, min(LARGEST * FACT, (STRIP - BAR - HEAD * len(shown)) / max(1, lines)))
    for number, group in enumerate(shown):
        later = sum(HEAD + tall * min(2, len(other.facts)) for other in shown[number + 1 :])
        room = int((STRIP - y - HEAD - later) // tall)
        if room < 1:
            break
        sheet.rect(SPLIT + 1, y, WIDTH - SPLIT, HEAD, "sunk")
        sheet.rect(SPLIT + 1, y + HEAD - 1, WIDTH - SPLIT, 1, "line")
        sheet.text(SPLIT + 20, y + 21, words.titles(group.title), "ink", size=15, kind="ub")
        y += HEAD
        for fact in _first_changed(group.facts, room):
            _fact(sheet, fact, y, tall, words)
            y += tall


def _first_changed(facts: Sequence[Fact], most: int) -> Sequence[Fact]:
    """The first facts; if one that changed is not among them, in the place of the last."""
    shown = list(facts[:most])
    changed = [fact for fact in facts[most:] if fact.old is not None]
    if changed and shown:
        shown[-1] = changed[0]
    return shown


def _fact(sheet: Sheet, fact: Fact, y: float, tall: float, words: Words) -> None:
    base, size = y + tall * 0.7, 16 * tall / FACT
    if fact.cue == "open":
        sheet.rect(SPLIT + 1, y, WIDTH - SPLIT, tall, "openbg")
    sheet.text(SPLIT + 20, base, fitting(fact.name, 90, size), "ink2", size=size)
    sheet.text(SPLIT + 120, base, fitting(fact.label, 126, size), "ink2", size=size)
    if fact.cue in ("open", "closed") and not fact.label:
        word = words.open if fact.cue == "open" else words.closed
        sheet.rect(SPLIT + 120, y + 5, 96, tall - 10, f"{fact.cue}bg", fact.cue)
        sheet.text(SPLIT + 130, base, word, fact.cue, size=size * 0.9, kind="u")
    x = SPLIT + 256.0
    if fact.old:
        old = fitting(fact.old, (WIDTH - x) * 0.4, size)
        sheet.text(x, base, old, "ink3", size=size)
        sheet.rect(x, base - size * 0.35, len(old) * size * MONO, 1.4, "ink3")
        x += (len(old) + 0.6) * size * MONO
        sheet.text(x, base, "→", "ink3", size=size)
        x += 2 * size * MONO
    value = fitting(fact.value, WIDTH - x - 16, size)
    if fact.old is None:
        sheet.text(x, base, value, size=size)
    else:
        sheet.rect(x - 4, y + 4, len(value) * size * MONO + 8, tall - 8, "writebg")
        sheet.text(x, base, value, "write", size=size, kind="mb")


def _outline(sheet: Sheet, moment: Moment) -> None:
    sheet.rect(
        0, STRIP, WIDTH, 3 if moment.tick < moment.frontier else 1, "ink" if moment.tick < moment.frontier else "line2"
    )
    left, right, floor, tall = 24, WIDTH - 24, HEIGHT - 22, 56
    if not moment.depth or not moment.frontier:
        return
    deepest = max(1, *moment.depth)
    level = min(14.0, tall / deepest)
    scale = (right - left) / moment.frontier

    def x(tick: float) -> float:
        return left + min(float(moment.frontier), tick) * scale

    def shape(ticks: int) -> str:
        d = f"M{left} {floor}"
        for n, depth in enumerate(moment.depth):
            begin, end = n * moment.width, min((n + 1) * moment.width, ticks)
            if begin >= ticks:
                break
            d += f"V{floor - depth * level:.1f}H{x(end):.1f}"
        return d + f"V{floor}Z"

    sheet.path(shape(moment.frontier), "line")
    if moment.tick:
        sheet.path(shape(moment.tick), "line2")
    sheet.rect(left, floor, right - left, 1, "line2")
    for n, flags in enumerate(moment.flags):
        middle = x((n + 0.5) * moment.width)
        if flags & FAILURES:
            sheet.path(f"M{middle:.1f} {STRIP + 12}l6 10h-12z", "err")
        elif flags & MARKS:
            sheet.rect(middle - 4, STRIP + 14, 8, 5, "ink3")
    head = x(moment.tick)
    sheet.rect(head - 1.5, STRIP + 8, 3, floor - STRIP - 8, "ink")
    number = f"{moment.tick:,}"
    width = len(number) * 14 * MONO + 14
    at = min(max(head - width / 2, left), right - width)
    sheet.rect(at, floor, width, 20, "ink")
    sheet.text(at + 7, floor + 15, number, "pane", size=14, kind="mb")


@functools.cache
def _font_faces() -> str:
    """Style rules that carry the code font: its Latin letters and signs, regular and bold. Empty without the files."""
    rules = []
    for path, weight in ((FONTS[0], 400), (FONTS[1], 700)):
        if not path.is_file():
            return ""
        font = TTFont(path)
        options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=[])
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[*range(0x20, 0x17F), 0x2026, 0x2192, 0xB7])
        cutter.subset(font)
        data = io.BytesIO()
        font.save(data)
        encoded = base64.b64encode(data.getvalue()).decode()
        rules.append(
            f"@font-face{{font-family:'Glassbox Mono';font-weight:{weight};src:url(data:font/ttf;base64,{encoded})}}"
        )
    return "".join(rules)
