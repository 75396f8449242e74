import gzip
import io
import tarfile

import pytest

from hashbench.errors import InvalidInputError, MissingDataError
from hashbench.images.files import download, import_folder, staging, verify
from hashbench.images.store import dataset_from


def contents(folder):
    """Every file under a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entries(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def flat(content):
    return {file.rpartition("/")[2]: data for file, data in content.items()}


def gzipped(content):
    return {f"{file}.gz": gzip.compress(data) for file, data in flat(content).items()}


def tarred(content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for file, data in content.items():
            member = tarfile.TarInfo(file)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return {"tiny.tar.gz": stream.getvalue()}


@pytest.mark.parametrize("layout", [dict, flat, gzipped, tarred])
@pytest.mark.parametrize("deeper", ["", "one/two"])
def test_import_finds_every_layout(tiny, content, put_files, tmp_path, layout, deeper):
    source, root = tmp_path / "source", tmp_path / "data"
    put_files(source / deeper, layout(content))
    before = contents(source)
    if layout is dict and deeper:
        source = source / "one"  # tiny/raw is two folders down already
        before = contents(source)
    paths = import_folder(tiny(), root, source)
    assert contents(root) == content
    assert contents(source) == before
    assert paths == [root / file for file in content]
    assert verify(tiny(), root) == 2


def test_import_from_the_archive_itself(tiny, content, put_files, tmp_path):
    put_files(tmp_path / "source", tarred(content))
    import_folder(tiny(), tmp_path / "data", tmp_path / "source" / "tiny.tar.gz")
    assert contents(tmp_path / "data") == content


def test_import_goes_by_checksum_where_names_agree(tiny, content, put_files, tmp_path):
    others = {f"another/{file}": bytes(len(data)) for file, data in flat(content).items()}
    put_files(tmp_path / "source", others | {f"wanted/{file}": data for file, data in flat(content).items()})
    import_folder(tiny(), tmp_path / "data", tmp_path / "source")
    assert contents(tmp_path / "data") == content


@pytest.mark.parametrize("fault", ["absent", "wrong", "cut gzip", "harmed gzip", "cut tar"])
def test_import_of_bad_files_changes_nothing(tiny, content, put_files, tmp_path, fault):
    source, root = tmp_path / "source", tmp_path / "data"
    put_files(root, {"tiny/raw/labels-ubyte": b"old"})
    last = list(content)[-1]
    if fault == "absent":
        files = {file: data for file, data in content.items() if file != last}
    elif fault == "wrong":
        files = content | {last: b"other"}
    elif fault == "cut gzip":
        files = {file: data[:-9] for file, data in gzipped(content).items()}
    elif fault == "harmed gzip":
        files = {file: data[:10] + b"\xff" * 8 + data[18:] for file, data in gzipped(content).items()}
    else:
        files = {file: data[:-40] for file, data in tarred(content).items()}
    put_files(source, files)
    with pytest.raises(MissingDataError, match=r"labels-ubyte.*nothing was changed"):
        import_folder(tiny(), root, source)
    assert contents(root) == {"tiny/raw/labels-ubyte": b"old"}
    assert entries(root) == ["tiny"]


def test_import_wrong_calls(tiny, tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        import_folder(tiny(), tmp_path / "data", tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="'digits' has no files to import"):
        import_folder(dataset_from("digits"), tmp_path / "data", tmp_path)
    assert entries(tmp_path / "data") == []


def test_verify_names_the_damaged_file(tiny, root):
    assert verify(tiny(), root) == 2
    (root / "tiny/raw/labels-ubyte").write_bytes(b"\0" * 6)
    with pytest.raises(
        MissingDataError, match=r"tiny/raw/labels-ubyte is damaged \(MD5 [0-9a-f]{32}, should"
    ):
        verify(tiny(), root)
    (root / "tiny/raw/labels-ubyte").unlink()
    with pytest.raises(MissingDataError, match="not found"):
        verify(tiny(), root)
    assert verify(dataset_from("digits"), root) == 0


def test_download_moves_what_was_fetched(tiny, content, put_files, tmp_path, monkeypatch):
    fetched = []

    def fetch(self, folder):
        fetched.append(folder)
        put_files(folder, content | {"tiny/archive.gz": b"not needed"})

    monkeypatch.setattr(tiny, "download", fetch)
    root = tmp_path / "data"
    assert download(tiny(), root) == [root / file for file in content]
    assert contents(root) == content
    assert entries(root) == ["tiny"]
    assert download(tiny(), root) == []  # is there: nothing fetched
    assert len(fetched) == 1
    (root / "tiny/raw/labels-ubyte").write_bytes(b"damaged")
    download(tiny(), root)
    assert contents(root) == content


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError("no network"), MissingDataError),
        (RuntimeError("x\ny"), MissingDataError),
        (KeyboardInterrupt(),) * 2,
    ],
)
def test_failed_download_leaves_nothing(tiny, content, put_files, tmp_path, monkeypatch, error, raised):
    def fetch(self, folder):
        put_files(folder, dict(list(content.items())[:1]))
        raise error

    monkeypatch.setattr(tiny, "download", fetch)
    raised = raised if isinstance(raised, type) else type(raised)
    with pytest.raises(raised) as caught:
        download(tiny(), tmp_path / "data")
    assert entries(tmp_path / "data") == []
    if raised is MissingDataError:
        assert "hashbench data import" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_damaged_or_absent_download_is_not_kept(tiny, content, put_files, tmp_path, monkeypatch):
    with pytest.raises(MissingDataError, match="no download of its own"):
        download(tiny(), tmp_path / "data")
    monkeypatch.setattr(
        tiny, "download", lambda self, folder: put_files(folder, dict.fromkeys(content, b"junk"))
    )
    with pytest.raises(MissingDataError, match="damaged"):
        download(tiny(), tmp_path / "data")
    assert entries(tmp_path / "data") == []


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_no_network_is_missing_data(name, tmp_path, monkeypatch):
    from torchvision import datasets

    nobody = "http://127.0.0.1:9/"  # the discard port: refused at once
    monkeypatch.setattr(datasets.MNIST, "mirrors", [nobody])
    monkeypatch.setattr(datasets.CIFAR10, "url", nobody + "cifar-10-python.tar.gz")
    with pytest.raises(MissingDataError, match=rf"download failed.*hashbench data import {name} FOLDER"):
        download(dataset_from(name), tmp_path / "data")
    assert entries(tmp_path / "data") == []


def test_bundled_data_needs_no_download(tmp_path):
    assert download(dataset_from("digits"), tmp_path / "data") == []


def test_staging_in_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="cannot put files in"), staging(tmp_path / "file" / "below"):
        pass
