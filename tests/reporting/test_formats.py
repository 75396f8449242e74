"""The same table in every format says the same."""

import csv
import io
import math
import re
from collections.abc import Callable

import pandas as pd
import pytest
from rich.console import Console

from hashbench.errors import UnknownNameError
from hashbench.records import Record
from hashbench.reporting import build_tables, render
from hashbench.reporting.frame import tables_to_frame
from hashbench.reporting.latex import escape_latex
from hashbench.reporting.table import Table

Make = Callable[..., Record]


@pytest.fixture
def tables(make: Make) -> list[Table]:
    records = [
        make(method, bits, value + bits / 1000 + r / 300, repetition=r)
        for bits in (12, 24, 32, 48)
        for r in range(2)
        for method, value in [("random", 0.1), ("cca_itq", 0.2), ("dpsh", 0.7), ("mu_liu", 0.65)]
    ]
    records += [make("itq", 48, 0.2, params={"a|b": "x_y*"}), make("dsh", 24, None)]
    records += [make("real_valued", None, 0.95)]
    return build_tables(records)


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_rows_have_as_many_cells_as_the_header(tables: list[Table]) -> None:
    lines = [line for line in render(tables, "md").splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 3 + 7  # header and rule, groups, rows
    assert {len(cells_of(line)) for line in lines} == {9}
    by_method = {cells_of(line)[0]: cells_of(line) for line in lines}
    assert by_method["dpsh"][4] == "**0.714 ± 0.002**"
    assert by_method["mu_liu"][4] == "0.664 ± 0.002"
    assert by_method["real_valued"][4:8] == ["0.950"] * 4
    assert by_method["dpsh"][8] == "0.750 0.772 0.776 0.783 ‡2"
    assert by_method["dsh"][4:8] == ["–", "failed (a)", "–", "–"]  # noqa: RUF001
    assert "itq (a\\|b=x_y\\*)" in by_method


def test_csv_reads_back_as_the_frame_in_full_precision(tables: list[Table]) -> None:
    frame = tables_to_frame(tables)
    assert len(frame) == 7 * 4
    text = render(tables, "csv")
    read = pd.read_csv(io.StringIO(text), dtype=dict(frame.dtypes))
    pd.testing.assert_frame_equal(read, frame, check_exact=False, rtol=1e-15)
    # Pandas may parse the last digit wrongly; the text has it right.
    means = [row["mean"] for row in csv.DictReader(io.StringIO(text))]
    assert [float(mean) if mean else None for mean in means] == [
        None if math.isnan(mean) else mean for mean in frame["mean"]
    ]
    [dpsh] = frame[(frame["method"] == "dpsh") & (frame["bits"] == 48)].to_dict("records")
    assert dpsh["mean"] == ((0.7 + 0.048) + (0.7 + 0.048 + 1 / 300)) / 2
    assert dpsh["n"] == 2
    assert dpsh["published"] == 0.7828
    assert not dpsh["published_comparable"]


def test_latex_is_balanced_and_escaped(tables: list[Table]) -> None:
    text = render(tables, "latex")
    bare = re.sub(r"\\[\\{}&%$#_]", "", text.replace("\\\\", ""))
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert begun == ["table", "adjustbox", "tabular", "minipage"]
    assert sorted(re.findall(r"\\end\{(\w+)\}", text)) == sorted(begun)
    assert "_" not in bare
    assert text.isascii()
    body = text[text.index("\\toprule") : text.index("\\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(rows) == 1 + 7
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {4 + 8 - 1}
    [spec] = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert len(spec) == 12
    assert r"cca\_itq" in text
    assert r"\textbf{0.714 $\pm$ 0.002}" in text


def test_latex_keeps_its_caption_short_and_its_notes_apart(tables: list[Table]) -> None:
    text = render(tables, "latex")
    [caption] = re.findall(r"\\caption\{(.*)\}", text)
    assert len(caption) < 120
    assert r"\label{tab:cifar10-5k-map}" in text
    assert "exact expectation" in text.partition(r"\end{tabular}")[2]
    cited = set(re.findall(r"\\cite\{([^}]*)\}", text))
    stubs = re.findall(r"^% @misc\{([^,]*),", text, re.MULTILINE)
    assert cited == set(stubs)
    assert len(stubs) == len(cited) > 1
    assert not re.search(r"\[\d+\]", text)
    assert render(tables * 2, "latex").count("% @misc") == len(stubs), "one stub a source"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 50%", r"a\_b \& 50\%"),
        ("\\{}", r"\textbackslash{}\{\}"),
        ("~^$#<>", r"\textasciitilde{}\textasciicircum{}\$\#\textless{}\textgreater{}"),
        ("† ±", r"\dag{} $\pm$"),
    ],
)
def test_latex_escapes(text: str, escaped: str) -> None:
    assert escape_latex(text) == escaped


@pytest.mark.parametrize("width", [72, 100, 160])
def test_the_terminal_table_fits_and_loses_no_number(tables: list[Table], width: int) -> None:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render(tables))
    text = console.file.getvalue()
    lines = [line.rstrip() for line in text.splitlines()]
    assert max(map(len, lines)) <= width
    assert "…" not in text
    for number in ("0.714", "±0.002" if width < 160 else "± 0.002", "0.950", "0.783", "failed (a)"):
        assert number in text, number
    assert ("published 12/24/32/48" in text) == (width == 160)


def test_brackets_in_names_are_text(make: Make) -> None:
    record = make("real_valued", None, metrics={"map@1000[hits]": 0.25})
    console = Console(width=100, file=io.StringIO(), color_system=None)
    console.print(render(build_tables([record], metrics=["map@1000[hits]"])))
    assert console.file.getvalue().count("map@1000[hits]") == 3  # title, column, caption


def test_the_best_is_bold_in_the_terminal(tables: list[Table]) -> None:
    console = Console(width=160, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(render(tables))
    text = console.file.getvalue()
    assert "\x1b[1;32m0.714 ± 0.002" in text
    assert "\x1b[1;32m0.950" not in text


def test_an_unknown_format_names_the_others() -> None:
    with pytest.raises(UnknownNameError, match="csv, latex, md, rich"):
        render([], "html")
