import base64
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from sciml.evaluate import write_json, write_report
from sciml.plots import save


class Page(HTMLParser):
    """Collects the tags, the image sources and the text of a page, and checks that tags are balanced."""

    VOID = ("meta", "img", "br", "!doctype")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.images: list[str] = []
        self.attributes: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "img":
            self.images.append(str(dict(attrs)["src"]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def figures(tmp_path: Path) -> list[tuple[Path, str]]:
    paths = []
    for i in range(2):
        fig = Figure()
        fig.subplots().plot([0, 1], [0, i])
        paths.append((save(fig, tmp_path / "figures" / f"{i}.png"), f"caption <{i}>"))
    return paths


def test_report_holds_everything_and_needs_nothing(tmp_path: Path, figures: list[tuple[Path, str]]) -> None:
    tables = {
        "Config": {"model": {"name": "fno", "modes": [8, 8]}},
        "Rows": [{"n": 16, "error": 0.1}, {"n": 32, "error": None}],
    }
    path = write_report(tmp_path, "Darcy", {"rel_l2": 0.0123456, "ratio": None}, figures, tables)
    assert path == tmp_path / "report.html"
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    embedded = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in page.images]
    assert embedded == [figure.read_bytes() for figure, _ in figures]
    assert {"0.01235", "–", "model.name", "fno", "8, 8", "16", "0.1"} <= set(page.words)
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_text_is_escaped_wherever_it_enters(tmp_path: Path, figures: list[tuple[Path, str]]) -> None:
    evil = "<script>\"x\" onload=1 & 'y'</script>"
    path = write_report(
        tmp_path, evil, {evil: evil}, [(figures[0][0], evil)], {evil: {evil: evil}, "rows": [{evil: [evil]}]}
    )
    page = Page(path.read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "onload" not in page.attributes
    # title twice, tile twice, caption, heading, pair, column and cell
    assert page.words.count(evil) == 10


def test_a_failed_report_leaves_the_old_one(tmp_path: Path) -> None:
    write_report(tmp_path, "old", {})
    with pytest.raises(FileNotFoundError, match=r"missing\.png does not exist"):
        write_report(tmp_path, "new", {}, [(tmp_path / "missing.png", "")])
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"text\.png is not a PNG"):
        write_report(tmp_path, "new", {}, [(tmp_path / "text.png", "")])
    assert "<h1>old</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "text.png"]


def test_json_round_trip(tmp_path: Path) -> None:
    obj = {
        "rel_l2": torch.tensor(0.5),
        "n": np.int64(3),
        "shape": (1, 2),
        "grid": np.arange(2),
        "path": Path("runs/a"),
        "missing": None,
        "flag": True,
        "name": "ν",
    }
    path = write_json(tmp_path / "deep" / "report.json", obj)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "rel_l2": 0.5, "n": 3, "shape": [1, 2], "grid": [0, 1], "path": "runs/a", "missing": None, "flag": True, "name": "ν",
    }  # fmt: skip


@pytest.mark.parametrize("value", [math.nan, math.inf, torch.tensor(math.nan), np.float32("-inf")])
def test_json_refuses_what_is_not_a_number(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "report.json", {"rel_l2": 1.0})
    with pytest.raises(ValueError, match=r"report\.json: rows\[1\]\.rel_l2 is (nan|-?inf); write None"):
        write_json(tmp_path / "report.json", {"rows": [{"rel_l2": 1.0}, {"rel_l2": value}]})
    assert json.loads((tmp_path / "report.json").read_text()) == {"rel_l2": 1.0}
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]
