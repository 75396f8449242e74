"""``hashbench encode``, ``search`` and ``export``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError
from hashbench.system.text import visible

if TYPE_CHECKING:
    from hashbench.contracts.codes import Codes
    from hashbench.encoders import Encoder
    from hashbench.encoders.search import NamedCodes


def encode(*, record: Path, folder: Path, output: Path, device: str, plugins: Sequence[Path]) -> int:
    """Write the codes of a folder's photographs; those that cannot be read are named and left out."""
    from hashbench.encoders.search import save_named

    _require_writable(output)
    encoder = _load(record, device, plugins)
    named, faults = _encoded(encoder, folder)
    save_named(output, named)
    left_out = f", {faults} left out" if faults else ""
    print(f"{encoder!r}: {len(named.names)} photographs encoded{left_out}, codes in {output}")
    print(f"next: hashbench search {record} QUERY.jpg {output}")
    return 1 if faults else 0


def search(
    *,
    record: Path,
    query: Path,
    database: Path,
    top: int,
    html: Path | None,
    pictures: Path | None,
    device: str,
    plugins: Sequence[Path],
) -> int:
    """Print the nearest photographs, nearest first, then by name; write them as a page too."""
    from hashbench.encoders.page import page_of
    from hashbench.encoders.photographs import read_photograph
    from hashbench.encoders.search import load_named, nearest
    from hashbench.system.atomic import atomic_file

    if html is not None:
        _require_writable(html)
    encoder = _load(record, device, plugins)
    code = encoder.encode(read_photograph(encoder, query)[None])
    if database.is_dir():
        named, pictures = _encoded(encoder, database)[0], pictures or database
    else:
        named = load_named(database)
        if named.encoder and named.encoder != encoder.sha256:
            raise InvalidInputError(
                f"the codes in '{database}' are of another model than '{record}'; encode them with this one"
            )
    found = nearest(code, named, top)
    for distance, name in found:
        print(visible(f"{distance:>5}  {name}"))
    if html is not None:
        page = page_of(f"Nearest to {query.name}", query, found, encoder.n_bits, pictures)
        with atomic_file(html) as file:
            file.write(page.encode("utf-8", "replace"))
        print(f"page in {html}")
    return 0


def export(
    *,
    record: Path,
    onnx: Path | None,
    torch_export: Path | None,
    faiss: Path | None,
    codes: Path | None,
    device: str,
    plugins: Sequence[Path],
) -> int:
    """Write a model, or an index of codes, for other programs, and say how it compares."""
    from hashbench.encoders.export import Kind, export_faiss, export_graph

    if onnx is None and torch_export is None and faiss is None:
        raise InvalidInputError("there is nothing to export; give --onnx, --torch-export or --faiss a FILE")
    for path in (onnx, torch_export, faiss):
        if path is not None:
            _require_writable(path)
    if onnx is not None or torch_export is not None:
        encoder = _load(record, device, plugins)
        wanted: tuple[tuple[Kind, Path | None], ...] = (("onnx", onnx), ("torch-export", torch_export))
        for kind, path in wanted:
            if path is not None:
                compared = export_graph(encoder, path, kind)
                print(
                    f"{path}: loaded again, {compared.bits} of {compared.n * compared.n_bits} bits of "
                    f"{compared.n} items are the same, values within {compared.off:.1e}"
                )
    if faiss is not None:
        compared = export_faiss(_codes_of(record, codes), faiss)
        print(f"{faiss}: loaded again, all {compared.n} codes of {compared.n_bits} bits are the same")
    return 0


def _load(record: Path, device: str, plugins: Sequence[Path]) -> Encoder:
    from hashbench.api import load
    from hashbench.plugins.registry import register_file

    for path in plugins:
        register_file(path)
    return load(record, device)


def _encoded(encoder: Encoder, folder: Path) -> tuple[NamedCodes, int]:
    """The codes of a folder's photographs, with progress, and how many could not be read."""
    from rich.progress import Progress

    from hashbench.cli.console import make_console
    from hashbench.encoders.photographs import encode_photographs, photographs_in
    from hashbench.encoders.search import NamedCodes

    names, faults = photographs_in(folder), list[str]()

    def on_fault(fault: InvalidInputError) -> None:
        faults.append(str(fault))
        print(f"left out: {visible(str(fault))}", file=sys.stderr)

    console = make_console()
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("encoding", total=len(names))
        done, kept = encode_photographs(
            encoder, folder, names, on_fault, lambda n: bar.update(task, advance=n)
        )
    return NamedCodes(done, tuple(kept), encoder.sha256), len(faults)


def _codes_of(record: Path, codes: Path | None) -> Codes:
    """The codes to index: those in a file, or those of the record's database."""
    from hashbench.encoders.search import load_named

    return load_named(record.with_suffix(".database.npz") if codes is None else codes).codes


def _require_writable(path: Path) -> None:
    """Refuse a folder or a device before the work, not after it."""
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"'{path}' is no regular file; give another path")
