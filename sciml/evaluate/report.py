"""The files a run leaves for its readers: report.json for programs, report.html for people."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sciml.data.atomic import atomic_path

Table = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CSS = """
:root { color-scheme: light dark; --paper: #fbfbfa; --ink: #1c2430; --soft: #5d6877; --line: #dcdfe4; --card: #ffffff; --accent: #1f5fa8; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181d; --ink: #e4e8ee; --soft: #98a3b3; --line: #303843; --card: #1c2229; --accent: #7db4f2; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; }
.tiles dt { color: var(--soft); font-size: .82rem; }
.tiles dd { margin: .15rem 0 0; font-size: 1.35rem; font-weight: 600; color: var(--accent); overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1.75rem; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff; border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.25rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); }
td { overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; } figure, .tiles div { break-inside: avoid; } }
"""


def write_report(
    folder: str | Path,
    title: str,
    summary: Mapping[str, Any],
    figures: Sequence[tuple[str | Path, str]] = (),
    tables: Mapping[str, Table] | None = None,
) -> Path:
    """Write ``folder``/report.html, one file that needs no other: figures embedded, no script, light and dark.

    Parameters
    ----------
    summary
        Headline figures by label, shown as tiles; None is shown as a dash.
    figures
        (PNG file, caption) in the order shown.
    tables
        By heading: a mapping (nested ones are flattened to dotted keys) or a list of rows with the same keys.

    Returns
    -------
    The path of the report.

    Raises
    ------
    FileNotFoundError
        For a figure that does not exist.
    ValueError
        For a figure that is not PNG.
    """
    parts = [f"<h1>{_text(title)}</h1>", '<dl class="tiles">']
    parts += [f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in summary.items()]
    parts.append("</dl>")
    if figures:
        parts.append("<h2>Figures</h2>")
        parts += [_figure(Path(path), caption) for path, caption in figures]
    for heading, table in (tables or {}).items():
        parts += [f"<h2>{_text(heading)}</h2>", f'<div class="scroll">{_table(table)}</div>']
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
    target = Path(folder) / "report.html"
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def write_json(path: str | Path, obj: Any) -> Path:
    """Write ``obj`` as indented JSON; tensors and arrays become numbers and lists, paths strings.

    Raises
    ------
    ValueError
        For NaN or infinity, naming the key: a missing value must be an explicit None.
    TypeError
        For an object JSON cannot hold.
    """
    plain = _plain(obj)
    for key, value in _flatten(plain):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{Path(path).name}: {key} is {value}; write None and say why instead")
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Path(path)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):  # tensors, arrays and their scalars
        return value.tolist()
    return str(value) if isinstance(value, Path) else value


def _flatten(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, leaf) of nested mappings and lists."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flatten(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{key}[{index}]")
    else:
        yield key, value


def _text(value: Any) -> str:
    """A value as escaped text: floats to four significant figures, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        value = f"{value:.4g}"
    elif isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return html.escape(str(value))


def _figure(path: Path, caption: str) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"report figure {path} does not exist; save it before writing the report")
    data = path.read_bytes()
    if not data.startswith(_PNG_SIGNATURE):
        raise ValueError(f"report figure {path} is not a PNG file; save figures as .png")
    source = "data:image/png;base64," + base64.b64encode(data).decode("ascii")
    text = _text(caption)
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'


def _table(table: Table) -> str:
    if isinstance(table, Mapping):
        lines = [f'<th scope="row">{_text(k)}</th><td>{_text(v)}</td>' for k, v in _pairs(table)]
    else:
        columns = list(dict.fromkeys(key for row in table for key in row))
        lines = ["".join(f'<th scope="col">{_text(column)}</th>' for column in columns)]
        lines += ["".join(f"<td>{_text(row.get(column))}</td>" for column in columns) for row in table]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _pairs(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Key and value of nested mappings, keys dotted; lists stay whole."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _pairs(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
