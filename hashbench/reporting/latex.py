r"""Tables as LaTeX that fits a page: for \usepackage{adjustbox,booktabs}."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hashbench.reporting.cells import LEFT_COLUMNS, headers, left_cells, quote_text, rows_by_group, value_text
from hashbench.reporting.table import Row, Source, Table

_PREAMBLE = r"""% needs \usepackage{adjustbox,booktabs}
% Each table is followed by its notes, to be kept or cut. Published numbers are cited: copy the entries at the
% end into your .bib file, without their percent signs, and complete them."""


def to_latex(tables: Sequence[Table]) -> str:
    r"""One table environment each, short in its caption, the notes below; BibTeX stubs last, as comments."""
    sources = {s.key: s for table in tables for s in table.sources if not s.minor}
    return "\n".join([_PREAMBLE, "", *map(_latex, tables), *map(_bib_stub, sources.values())])


def escape_latex(text: str) -> str:
    """The text with everything that LaTeX would read as a command escaped."""
    return "".join(_LATEX.get(character, character) for character in text)


def _latex(table: Table) -> str:
    n_values = len(table.bits)
    n_columns = len(LEFT_COLUMNS) + n_values * (2 if table.has_published else 1)
    first = len(LEFT_COLUMNS) + 1
    titles = [*LEFT_COLUMNS, *headers(table)] + headers(table) * table.has_published
    label = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")
    lines = [
        r"\begin{table}[tbp]",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape_latex(table.summary)}}}",
        rf"\label{{tab:{label}}}",
        r"\begin{adjustbox}{max width=\linewidth}",
        rf"\begin{{tabular}}{{{'l' * len(LEFT_COLUMNS)}{'r' * (n_columns - len(LEFT_COLUMNS))}}}",
        r"\toprule",
    ]
    if table.has_published:
        spans = [(first, first + n_values - 1, "ours"), (first + n_values, n_columns, "published")]
        over = " & ".join(rf"\multicolumn{{{b - a + 1}}}{{c}}{{{title}}}" for a, b, title in spans)
        lines.append(" & " * len(LEFT_COLUMNS) + over + r" \\")
        lines.append(" ".join(rf"\cmidrule(lr){{{a}-{b}}}" for a, b, _ in spans))
    lines.append(" & ".join(map(escape_latex, titles)) + r" \\")
    for group, members in rows_by_group(table):
        lines += [r"\midrule", rf"\multicolumn{{{n_columns}}}{{l}}{{\emph{{{group}}}}} \\"]
        lines += [" & ".join(_cells(table, row)) + r" \\" for row in members]
    lines += [r"\bottomrule", r"\end{tabular}", r"\end{adjustbox}", "", r"\smallskip"]
    lines += [r"\begin{minipage}{\linewidth}\scriptsize\raggedright"]
    lines += [r" \par".join([escape_latex(" ".join(table.caption)), *_notes(table)])]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}", ""])


def _cells(table: Table, row: Row) -> Iterator[str]:
    decimals = table.info.decimals
    yield from map(escape_latex, left_cells(row))
    for value in row.values:
        text = escape_latex(value_text(value, decimals))
        yield (rf"\textbf{{{text}}}" if value.best else text) + _superscript(value.mark)
    if table.has_published:
        for value in row.values:
            yield escape_latex(quote_text(value, decimals)) + _superscript(value.quote_mark)


def _notes(table: Table) -> Iterator[str]:
    keys = {source.number: source.key for source in table.sources}
    for note in table.notes:
        cited = rf"~\cite{{{keys[note.source]}}}." if note.source else ""
        yield f"\n{_superscript(note.mark)}{escape_latex(note.text)}{cited}"


def _bib_stub(source: Source) -> str:
    url = source.url.replace("%", r"\%")
    return "\n".join(
        [
            f"% @misc{{{source.key},",
            f"%   key = {{{source.key}}},",
            f"%   title = {{{{{escape_latex(source.text)}}}}},"  # two pairs of braces keep capitals,
            f"%   howpublished = {{\\url{{{url}}}}},",
            "% }",
            "",
        ]
    )


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


def _superscript(mark: str) -> str:
    return rf"\textsuperscript{{{escape_latex(mark)}}}" if mark else ""
