"""Tables as terminal output, Markdown, CSV and LaTeX."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from hashbench.errors import UnknownNameError
from hashbench.reporting.table import DECIMALS, MISSING, Row, Table, Value

if TYPE_CHECKING:
    import pandas as pd

LEFT_COLUMNS = ("method", "supervision", "features", "backbone")


def render(tables: Sequence[Table], format: str = "rich") -> Any:
    """The tables as one text ("md", "csv", "latex"), or as something rich prints ("rich")."""
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return FORMATS[format](tables)


def to_rich(tables: Sequence[Table]) -> Any:
    """For a terminal of any width; see ``hashbench.reporting.terminal``."""
    from hashbench.reporting.terminal import TerminalTables

    return TerminalTables(tables)


def to_frame(tables: Iterable[Table]) -> pd.DataFrame:
    """One row per table cell, numbers in full precision."""
    import pandas as pd

    frame = pd.DataFrame(
        [
            _record_of(table, row, bits, value)
            for table in tables
            for row in table.rows
            for bits, value in zip(table.bits, row.values, strict=True)
        ]
    )
    nullable = {
        "bits": "Int64",
        "n_labelled": "Int64",
        "separable": "boolean",
        "published_comparable": "boolean",
    }
    return frame.astype(nullable) if len(frame) else frame


def to_csv(tables: Sequence[Table]) -> str:
    """``to_frame`` as CSV."""
    return to_frame(tables).to_csv(index=False, lineterminator="\n")


def to_markdown(tables: Sequence[Table]) -> str:
    """GitHub Markdown: a heading, the table, the caption, the notes in full as a list."""
    return "\n".join(map(_markdown, tables))


def to_latex(tables: Sequence[Table]) -> str:
    r"""LaTeX for \usepackage{adjustbox,booktabs}: one table environment each, the notes below the rows."""
    return "\n".join(map(_latex, tables))


FORMATS: dict[str, Callable[[Sequence[Table]], Any]] = {
    "rich": to_rich,
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}


def left_cells(row: Row) -> list[str]:
    """What stands before the values."""
    return [row.label, row.sees, row.reads, row.backbone or ""]


def headers(table: Table) -> list[str]:
    """The titles of the value columns."""
    return [f"{bits} bits" if bits else table.metric for bits in table.bits]


def value_text(value: Value) -> str:
    """A value as printed, without bold and mark: ``0.712 ± 0.004†``, ``failed`` or a dash."""
    if value.mean is None:
        return "failed" if value.failed else MISSING
    is_count = value.mean >= 100 or (value.mean > 1 and value.mean.is_integer())  # of distinct codes
    digits = f",.{0 if is_count else DECIMALS}f"
    spread = "" if value.sd is None else f" ± {value.sd:{digits}}"
    return f"{value.mean:{digits}}{spread}{'†' if value.separable is False else ''}"


def published_text(row: Row) -> str:
    """The published numbers of a row in the order of its columns; their marks, once where all are one."""
    quoted = [value for value in row.values if value.quote]
    if not quoted:
        return ""
    shared = len({value.quote_mark for value in quoted}) == 1
    text = " ".join(_quote(value, "" if shared else value.quote_mark) for value in row.values)
    return f"{text} {quoted[0].quote_mark}".strip() if shared else text


def published_header(table: Table) -> str:
    """The title of the column of published numbers."""
    return f"published {'/'.join(str(bits) for bits in table.bits)}"


def grouped(table: Table) -> Iterator[tuple[str, list[Row]]]:
    """The rows by group, in the table's order."""
    for group, rows in groupby(table.rows, key=lambda row: row.group):
        yield group, list(rows)


def _quote(value: Value, mark: str) -> str:
    return f"{value.quote.number.value:.{DECIMALS}f}{mark}" if value.quote else MISSING


def _record_of(table: Table, row: Row, bits: int | None, value: Value) -> dict[str, Any]:
    quote = value.quote
    return {
        "dataset": table.dataset,
        "protocol": table.protocol,
        "metric": table.metric,
        "group": row.group,
        "method": row.method,
        "params": json.dumps(row.params, sort_keys=True),
        "supervision": row.supervision,
        "n_labelled": row.n_labelled,
        "features": row.reads,
        "backbone": row.backbone,
        "bits": bits,
        "mean": value.mean,
        "sd": value.sd,
        "ci95_half_width": value.half_width,
        "n": value.n,
        "failed": value.failed,
        "best": value.best,
        "separable": value.separable,
        "published": quote.number.value if quote else None,
        "published_comparable": not quote.reasons if quote else None,
        "published_differs": "; ".join(quote.reasons) if quote else None,
        "published_features": quote.number.features if quote else None,
        "published_source": quote.number.source if quote else None,
        "published_url": quote.number.url if quote else None,
        **{f"{name}_digest": digest for name, digest in table.digests.items()},
    }


def _markdown(table: Table) -> str:
    titles = [*LEFT_COLUMNS, *headers(table)] + [published_header(table)] * table.has_published
    rule = ["---"] * len(LEFT_COLUMNS) + ["---:"] * (len(titles) - len(LEFT_COLUMNS))
    rows = [titles, rule]
    for group, members in grouped(table):
        rows.append([f"*{group}*", *[""] * (len(titles) - 1)])
        for row in members:
            cells = [_escape_markdown(cell) for cell in left_cells(row)]
            for value in row.values:
                text = f"**{value_text(value)}**" if value.best else value_text(value)
                cells.append(f"{text} {value.mark}".strip())
            rows.append(cells + [published_text(row)] * table.has_published)
    lines = [f"### {_escape_markdown(table.title)}", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    lines += ["", " ".join(map(_escape_markdown, table.caption)), ""]
    lines += [f"- {_escape_markdown(note.line)}" for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def _escape_markdown(text: str) -> str:
    for character in "\\|*<`":
        text = text.replace(character, f"\\{character}")
    return text


def _latex(table: Table) -> str:
    n_values = len(table.bits)
    n_columns = len(LEFT_COLUMNS) + n_values * (2 if table.has_published else 1)
    first = len(LEFT_COLUMNS) + 1
    spans = [(first, first + n_values - 1, "ours")]
    if table.has_published:
        spans.append((first + n_values, n_columns, "published"))
    titles = [*LEFT_COLUMNS, *headers(table)] + headers(table) * table.has_published
    lines = [
        r"% needs \usepackage{adjustbox,booktabs}",
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape_latex(table.title)}. {escape_latex(' '.join(table.caption))}}}",
        r"\begin{adjustbox}{max width=\linewidth}",
        rf"\begin{{tabular}}{{{'l' * len(LEFT_COLUMNS)}{'r' * (n_columns - len(LEFT_COLUMNS))}}}",
        r"\toprule",
    ]
    if table.has_published:
        over = " & ".join(rf"\multicolumn{{{b - a + 1}}}{{c}}{{{title}}}" for a, b, title in spans)
        lines.append(" & " * len(LEFT_COLUMNS) + over + r" \\")
        lines.append(" ".join(rf"\cmidrule(lr){{{a}-{b}}}" for a, b, _ in spans))
    lines.append(" & ".join(map(escape_latex, titles)) + r" \\")
    for group, members in grouped(table):
        lines += [r"\midrule", rf"\multicolumn{{{n_columns}}}{{l}}{{\emph{{{group}}}}} \\"]
        for row in members:
            cells = [escape_latex(cell) for cell in left_cells(row)]
            for value in row.values:
                text = escape_latex(value_text(value))
                cells.append((rf"\textbf{{{text}}}" if value.best else text) + _superscript(value.mark))
            if table.has_published:
                cells += [escape_latex(_quote(v, "")) + _superscript(v.quote_mark) for v in row.values]
            lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{adjustbox}"]
    if table.notes:
        notes = [note for note in table.notes if not note.minor]
        texts = [_superscript(note.mark) + escape_latex(note.text) for note in notes]
        lines += ["", r"\smallskip", r"\begin{minipage}{\linewidth}\footnotesize", " \\\\\n".join(texts)]
        lines.append(r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}", ""])


_LATEX = {character: rf"\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "·": r"\textperiodcentered{}",
    "–": "--",  # noqa: RUF001
}


def escape_latex(text: str) -> str:
    """The text with everything that LaTeX would read as a command escaped."""
    return "".join(_LATEX.get(character, character) for character in text)


def _superscript(mark: str) -> str:
    return rf"\textsuperscript{{{escape_latex(mark)}}}" if mark else ""
