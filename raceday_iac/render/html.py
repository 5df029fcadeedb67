"""What the pages of a plan and of a drift check are made of. They load nothing and run no script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from ..diff import FieldChange, PartWords, field_words
from .theme import STRENGTH, variables

_STYLE = (
    f"{variables(':root')}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1360px;padding:34px 28px 70px;background:var(--paper);color:var(--ink);"
    "font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "h1{font-size:26px;line-height:1.25;margin:0 0 4px;letter-spacing:-.01em}"
    "h2{font-size:17px;margin:38px 0 12px}p{margin:4px 0}code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,"
    "Consolas,monospace;font-size:12.5px}"
    ".faint{color:var(--faint)}"
    ".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:22px 0 6px}"
    ".tile{border:1px solid var(--line);border-left:4px solid var(--tone);border-radius:9px;background:var(--card);"
    "padding:9px 18px 9px 14px;min-width:112px}"
    ".tile b{display:block;font-size:25px;line-height:1.2;font-weight:680;color:var(--tone);"
    "font-variant-numeric:tabular-nums}.tile span{color:var(--faint);font-size:12.5px}"
    ".banner{border:1px solid var(--tone);border-left-width:5px;border-radius:9px;padding:12px 16px;margin:18px 0;"
    "background:var(--card)}.banner strong{color:var(--tone)}.banner ul{margin:6px 0 0}"
    "figure{margin:14px 0;border:1px solid var(--line);border-radius:10px;overflow:auto;max-height:82vh}"
    ".box{border:1px solid var(--line);border-left:4px solid var(--tone);border-radius:9px;background:var(--card);"
    "margin:10px 0;overflow:hidden}"
    ".box>summary,.box>header{display:flex;gap:10px;align-items:baseline;padding:9px 14px;cursor:pointer;"
    "list-style:none;background:var(--wash)}.box>header{cursor:default}"
    ".box>summary::-webkit-details-marker{display:none}"
    ".box>summary:before{content:'▸';color:var(--faint);font-size:11px;width:10px}"
    ".box[open]>summary:before{content:'▾'}"
    ".box .path{font-weight:640;overflow-wrap:anywhere}.box .kind{color:var(--faint);font-size:12.5px}"
    ".box .count{margin-left:auto;color:var(--faint);font-size:12.5px;white-space:nowrap}"
    ".change{display:grid;grid-template-columns:104px minmax(0,1fr);gap:4px 12px;padding:8px 14px;"
    "border-top:1px solid var(--line)}"
    "div.box>.change:first-child{border-top:0}"
    ".tag{justify-self:start;align-self:start;font-size:11.5px;font-weight:650;color:var(--tone);"
    "border:1px solid var(--tone);border-radius:20px;padding:1px 9px;white-space:nowrap}"
    ".what{overflow-wrap:anywhere;font-weight:560}.why{color:var(--faint);font-size:12.5px;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;margin:4px 0;font-variant-numeric:tabular-nums}"
    "td,th{text-align:left;vertical-align:top;padding:2px 14px 2px 0;overflow-wrap:anywhere}"
    "td:first-child{white-space:nowrap}"
    ".counts td:not(:first-child),.counts th:not(:first-child){text-align:right;padding:3px 0 3px 24px}"
    ".counts th{font-weight:560;color:var(--faint);font-size:12.5px}"
    ".old{color:var(--destroy);text-decoration:line-through;text-decoration-thickness:1px}"
    ".new{color:var(--create)}.arrow{color:var(--faint);padding:0 6px}"
    ".chips{display:flex;flex-wrap:wrap;gap:4px 6px;margin:2px 0 4px}.chips span{border:1px solid var(--line);"
    "border-radius:5px;padding:0 7px;background:var(--wash)}.chips i{font-style:normal;color:var(--faint);"
    "font-size:12.5px;align-self:center;min-width:84px}"
    "ul{padding-left:20px;margin:6px 0}li{margin:2px 0;overflow-wrap:anywhere}"
    "ul.columns{columns:3 260px}" + "".join(f".t-{tone}{{--tone:var(--{tone})}}" for tone in STRENGTH)
)


def page(title: str, body: Iterable[str]) -> str:
    """A whole document."""
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            *body,
            "</body></html>\n",
        )
    )


def tile(number: int, word: str, tone: str) -> str:
    """A number with what it counts."""
    return f'<div class="tile t-{tone}"><b>{number}</b><span>{escape(word)}</span></div>'


def banner(tone: str, headline: str, entries: Iterable[str] = ()) -> str:
    """Something that nobody must miss. `entries` are HTML."""
    items = "".join(f"<li>{each}</li>" for each in entries)
    more = f"<ul>{items}</ul>" if items else ""
    return f'<div class="banner t-{tone}"><strong>{escape(headline)}</strong>{more}</div>'


def listed(title: str, entries: Iterable[str]) -> Iterator[str]:
    """A headed list of plain texts; nothing when there are none."""
    items = "".join(f"<li>{escape(each)}</li>" for each in entries)
    if items:
        yield f"<h2>{escape(title)}</h2><ul>{items}</ul>"


def addresses(title: str, entries: Iterable[str]) -> Iterator[str]:
    """The same for addresses, which are short, in columns."""
    items = "".join(f"<li><code>{escape(each)}</code></li>" for each in entries)
    if items:
        yield f'<h2>{escape(title)}</h2><ul class="columns">{items}</ul>'


def change_row(tag: str, tone: str, what: str, fields: Iterable[FieldChange], why: Iterable[str]) -> str:
    """One change: a coloured tag, what it is about, its fields with both values, and why."""
    reasons = "".join(f'<div class="why">{escape(each)}</div>' for each in why if each)
    named = f'<div class="what mono">{escape(what)}</div>' if what else ""
    return (
        f'<div class="change t-{tone}"><span class="tag">{escape(tag)}</span>'
        f"<div>{named}{_fields(fields)}{reasons}</div></div>"
    )


def chips_row(tag: str, tone: str, groups: Iterable[tuple[str, Iterable[str]]]) -> str:
    """Many things to which the same plain thing happens, by kind."""
    lines = "".join(f'<div class="chips"><i>{escape(kind)}</i>{_chips(names)}</div>' for kind, names in groups)
    return f'<div class="change t-{tone}"><span class="tag">{escape(tag)}</span><div>{lines}</div></div>'


def _chips(names: Iterable[str]) -> str:
    return "".join(f"<span class=mono>{escape(each)}</span>" for each in names)


def _fields(fields: Iterable[FieldChange]) -> str:
    rows = "".join(f"<tr><td>{escape(each.name)}</td><td class=mono>{_values(each)}</td></tr>" for each in fields)
    return f"<table>{rows}</table>" if rows else ""


def _values(field: FieldChange) -> str:
    words = field_words(field)
    values = "<br>".join(map(_part, words.parts)) or _change(words.before, words.after)
    known = f'<div class="why">we last applied {escape(words.known)}</div>' if words.known else ""
    return f"{values}{known}"


def _part(part: PartWords) -> str:
    place = f'<span class="faint">{escape(part.place)}</span> ' if part.place else ""
    if part.note:
        return f"{place}{escape(part.note)}"
    if part.before is not None and part.after is not None:
        return f"{place}{_change(part.before, part.after)}"
    if part.before is None:
        return f'{place}<span class="new">+{escape(part.after or "")}</span>'
    return f'{place}<span class="old">{escape(part.before)}</span>'


def _change(before: str, after: str) -> str:
    old, new = f'<span class="old">{escape(before)}</span>', f'<span class="new">{escape(after)}</span>'
    return f'{old}<span class="arrow">→</span>{new}'
