"""The grammar of ``hashbench encode``, ``search`` and ``export``: what a kept model is good for."""

from __future__ import annotations

from typing import Any

from hashbench.cli.arguments import a_count, a_path, add_plugin, command

RECORD = "a record with its model beside it, or the model: FILE.safetensors"
TOP = 10


def add_encoders(commands: Any) -> None:
    """The three commands."""
    encode = command(
        commands,
        "encode",
        "encoding.encode",
        "Encode the photographs of a folder, turned upright, cropped and resized as the model's images were.",
    )
    _add_model(encode)
    encode.add_argument("folder", type=a_path, metavar="FOLDER", help="with photographs, at any depth")
    encode.add_argument(
        "--output",
        "-o",
        type=a_path,
        required=True,
        metavar="CODES.npz",
        help="with codes and names",
    )
    search = command(
        commands, "search", "encoding.search", "Find the photographs whose codes are nearest to one's."
    )
    _add_model(search)
    search.add_argument("query", type=a_path, metavar="QUERY.jpg", help="a photograph")
    search.add_argument(
        "database",
        type=a_path,
        metavar="FOLDER|CODES.npz",
        help="photographs, or their codes",
    )
    search.add_argument("--top", type=a_count, default=TOP, metavar="K", help=f"how many; default {TOP}")
    search.add_argument("--html", type=a_path, metavar="FILE", help="write a page with pictures too")
    search.add_argument(
        "--pictures",
        type=a_path,
        metavar="FOLDER",
        help="where those of CODES.npz lie, for the page",
    )
    export = command(
        commands,
        "export",
        "encoding.export",
        "Write a model for other programs; the file is loaded again and its bits are compared.",
    )
    _add_model(export)
    for name, text in (
        ("onnx", "a graph for onnxruntime and others"),
        ("torch-export", "a program of torch.export"),
        ("faiss", "faiss's binary index of --codes"),
    ):
        export.add_argument(f"--{name}", type=a_path, metavar="FILE", help=text)
    export.add_argument(
        "--codes",
        type=a_path,
        metavar="CODES.npz",
        help="for --faiss; default: the record's own, of its database",
    )


def _add_model(parser: Any) -> None:
    parser.add_argument("record", type=a_path, metavar="RECORD", help=RECORD)
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:1, mps")
    add_plugin(parser)
