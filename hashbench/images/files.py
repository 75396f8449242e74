"""The source files of a data set under the data folder: fetched, taken from another folder, checked.

New files are first made and checked in a temporary folder beside it and then moved, so that a
failure or Ctrl-C leaves nothing half-written.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from hashbench.contracts.dataset import Dataset
from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.system.paths import expanded

DEPTH = 3  # how many folders down an import looks for files
DAMAGED_ARCHIVE = (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


def verify(dataset: Dataset, root: Path) -> int:
    """Compare the MD5 of every source file that has a known one; returns how many were compared.

    Raises MissingDataError for the first file that is not there or is damaged.
    """
    dataset.require(root)
    for file, expected in dataset.checksums.items():
        found = _md5(root / file)
        if found != expected:
            raise dataset.missing(root, f"{root / file} is damaged (MD5 {found}, should be {expected})")
    return len(dataset.checksums)


def download(dataset: Dataset, root: Path) -> list[Path]:
    """Fetch a data set into the data folder; returns the files that were written, none if all were there.

    Raises MissingDataError, with what to do instead, where that fails.
    """
    try:
        verify(dataset, root)
        return []
    except MissingDataError:
        pass
    with staging(root) as temporary:
        try:
            dataset.download(temporary)
        except (OSError, RuntimeError, HTTPException) as error:  # what torchvision and urllib raise
            raise dataset.missing(
                root, f"the download failed ({_one_line(error)}), nothing was changed"
            ) from error
        if any(not path.is_file() for path in dataset.sources(temporary)):
            raise dataset.missing(root, "it has no download of its own")
        verify(dataset, temporary)
        _move(dataset.sources(temporary), temporary, root)
    return dataset.sources(root)


def import_folder(dataset: Dataset, root: Path, source_folder: Path) -> list[Path]:
    """Copy a data set's files from a folder (or an archive) into the data folder; returns them.

    Files are found by name, up to three folders down, plain, gzipped (``.gz``) or inside a tar
    archive; where a checksum is known, the first file that matches is taken. Raises MissingDataError where
    one is not found.
    """
    source_folder = expanded(source_folder, "folder")
    if not dataset.files:
        raise InvalidInputError(f"data set '{dataset.name()}' has no files to import: it is used where it is")
    if not source_folder.exists():
        raise InvalidInputError(f"cannot import from '{source_folder}': it does not exist")
    with staging(root) as temporary:
        for file in dataset.files:
            (temporary / file).parent.mkdir(parents=True, exist_ok=True)
        lacking = [file for file in dataset.files if not _copy(dataset, file, source_folder, temporary)]
        lacking = _unpack(dataset, lacking, source_folder, temporary)
        if lacking:
            names = ", ".join(PurePosixPath(file).name for file in lacking)
            raise MissingDataError(
                f"cannot import '{dataset.name()}' from '{source_folder}': no {names} with the right "
                "checksum is there, neither as it is, nor as .gz, nor in a .tar.gz; nothing was changed"
            )
        verify(dataset, temporary)
        _move([temporary / file for file in dataset.files], temporary, root)
    return dataset.sources(root)


@contextmanager
def staging(beside: Path) -> Iterator[Path]:
    """A temporary folder in ``beside``, on the same disk, so that its files can be moved in one step.

    Raises InvalidInputError where the files cannot be written.
    """
    temporary = None
    try:
        beside.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=beside))
        yield temporary
    except OSError as error:
        raise InvalidInputError(
            f"cannot put files in '{beside}' ({_one_line(error)}); choose a folder that can be written and "
            "has room with --data-dir (source files) or HASHBENCH_CACHE (decoded images)"
        ) from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def _copy(dataset: Dataset, file: str, source: Path, target: Path) -> bool:
    """Copy one file, which may be gzipped, from somewhere in the source; whether it was found."""
    name = PurePosixPath(file).name
    for candidate in _within(source, (name, f"{name}.gz")):
        reader = gzip.open if candidate.suffix == ".gz" else open
        try:
            with reader(candidate, "rb") as stream, (target / file).open("wb") as copy:
                shutil.copyfileobj(stream, copy, 1 << 20)
        except DAMAGED_ARCHIVE:
            continue
        if _right(dataset, file, target):
            return True
    return False


def _unpack(dataset: Dataset, files: Sequence[str], source: Path, target: Path) -> list[str]:
    """Extract files from the tar archives in the source; returns those that were not found."""
    lacking = {PurePosixPath(file).name: file for file in files}
    archives = [source] if source.is_file() else _within(source, ("*.tar", "*.tar.*", "*.tgz"))
    for path in archives if lacking else ():
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    file = lacking.get(PurePosixPath(member.name).name)
                    stream = archive.extractfile(member) if file and member.isfile() else None
                    if file and stream:
                        with (target / file).open("wb") as copy:
                            shutil.copyfileobj(stream, copy, 1 << 20)
                        if _right(dataset, file, target):
                            del lacking[PurePosixPath(file).name]
                    if not lacking:
                        return []
        except DAMAGED_ARCHIVE:  # perhaps the next one
            continue
    return list(lacking.values())


def _within(source: Path, patterns: Sequence[str]) -> list[Path]:
    """Files of the source that match, near ones first."""
    return [
        path
        for depth in range(DEPTH + 1)
        for pattern in patterns
        for path in sorted(source.glob("*/" * depth + pattern))
        if path.is_file()
    ]


def _right(dataset: Dataset, file: str, root: Path) -> bool:
    expected = dataset.checksums.get(file)
    return expected is None or _md5(root / file) == expected


def _move(paths: Sequence[Path], temporary: Path, root: Path) -> None:
    for path in paths:
        target = root / path.relative_to(temporary)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
