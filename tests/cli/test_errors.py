"""Whatever is wrong with a call is said in one line that names the culprit and the cure."""

import numpy as np
import pytest
from PIL import Image

from hashbench.cli import main
from hashbench.errors import LISTED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run -m itqq", "unknown method 'itqq'; did you mean 'itq'? see 'hashbench list methods'"),
        ("run -d minst", "unknown dataset 'minst'; did you mean 'mnist'? available: cifar10, "),
        ("run -p 5k-disjont", "unknown protocol '5k-disjont'; did you mean '5k-disjoint'?"),
        ("run -p 5kk", "unknown protocol '5kk'; did you mean '5k'? see 'hashbench list protocols'"),
        ("run -b 12 0", "argument --bits/-b: must be a whole number from 1 on, not '0'"),
        ("run -b twelve", "argument --bits/-b: must be a whole number from 1 on, not 'twelve'"),
        ("run --features gitt", "unknown feature 'gitt'; did you mean 'gist'?"),
        ("run -r 0", "argument --repetitions/-r: must be a whole number from 1 on, not '0'"),
        ("run -m lsh -j 0", "argument --jobs/-j: must be a whole number from 1 on, not '0'"),
        ("run -m ksh --set ksh.n_anchor=5", "unknown parameter of ksh 'n_anchor'; did you mean 'n_anchors'?"),
        ("run -m ksh --set ksh.n_anchors=x", "--set ksh.n_anchors='x': Input should be a valid integer"),
        ("run -m ksh --set ksh.n_anchors", "--set ksh.n_anchors: write METHOD.PARAMETER=VALUE"),
        ("run --set recipe.backbone=vgg77", "unknown backbone 'vgg77'; did you mean 'vgg7'?"),
        ("run --suite papper", "unknown suite 'papper'; did you mean 'paper'?"),
        ("run --suite mine.toml", "suite file 'mine.toml' does not exist; give a path, or one of the names"),
        ("run -m lsh --set lsh.n_bits=3", "--set lsh.n_bits is not set so; use --bits"),
        ("run -m lsh -b 12 100000", "--bits 100000: at most 4096"),
        (
            "run --pretraining imagenet",
            "--pretraining imagenet: must be 'softmax', 'none', 'frozen' or 'joint'",
        ),
        ("run --scheduler foo", "--scheduler foo: an address is of the form tcp://HOST:PORT"),
        ("run --scheduler tcp://foo", "--scheduler tcp://foo: an address is of the form"),
        ("list", f"required: WHAT ({', '.join(LISTED)})"),
        ("info", "required: NAME (of a method, data set, feature, "),
        ("new", "required: KIND (method, dataset, feature)"),
        ("eval", "required: --query, --database; see 'hashbench eval --help'"),
        ("run --device gpu", "device 'gpu' cannot be used (torch has none of this name); try auto, cpu"),
        ("run --plugin no.py", "no.py' does not exist; give the path of a Python file"),
        (
            "run -m lsh,itq",
            "did you mean 'lsh' or 'itq'? see 'hashbench list methods'; names of a list have a space between",
        ),
        ("run -m lsh -b 12,24", "not '12,24'; write a space between numbers, no comma"),
        ("run lsh", "unrecognized arguments: lsh; names stand behind an option, such as --methods lsh; see"),
        ("run -m lsh --set ksh.n_anchors=5", "--set ksh.n_anchors: this run has no ksh; add it to --methods"),
        ("run -m lsh --features foo.npy", "features: a file needs a label of yours: LABEL=foo.npy"),
        ("methods", "did you mean 'list methods'? see 'hashbench --help'"),
        ("check itq:3", "method 'itq' takes no argument, got '3'; check 'itq'"),
        ("run --method lsh --metod itq", "unrecognized arguments: --metod itq; did you mean '--method'? see"),
        ("runn", "did you mean 'run'? see 'hashbench --help'"),
        ("list metods", "did you mean 'methods'? see 'hashbench list --help'"),
        ("info spectral", "unknown name 'spectral'; did you mean 'sh'? see 'hashbench list methods'"),
        (
            "info sgh",
            "unknown name 'sgh'; did you mean 'sgh_gen' or 'sgh_graph'? see 'hashbench list methods'",
        ),
        ("info itqq", "unknown name 'itqq'; did you mean 'itq'? see 'hashbench list methods'"),
        ("info labels-50", "see 'hashbench list protocols'"),
        ("info digitss", "unknown name 'digitss'; did you mean 'digits'? see 'hashbench list datasets'"),
        ("info precison@K", "did you mean 'precision@K' or 'precision@rR'? see 'hashbench list metrics'"),
        ("info map@100", "metric 'map@100' does not name its denominator; write map@100[hits]"),
        (
            "info @",
            "see 'hashbench list WHAT', where WHAT is methods, datasets, features, tasks, protocols, ",
        ),
        ("info no.py", "no.py' does not exist; give the path of a Python file"),
        ("check itqq", "unknown plugin 'itqq'; did you mean 'itq'?"),
        ("new method itq", "there is a method 'itq' already, in "),
        ("new method my-hash", "method name 'my-hash' must be lower-case letters, digits and underscores"),
        ("data info minst", "unknown dataset 'minst'; did you mean 'mnist'?"),
        ("data import mnist nowhere", "cannot import from 'nowhere': it does not exist"),
        ("table nowhere", "'nowhere' does not exist; run first (hashbench run --out nowhere)"),
        ("table --format xls", "argument --format/-f: invalid choice: 'xls'"),
    ],
)
def test_a_wrong_call(call, tmp_path, arguments, message):
    assert message in call(*arguments.split()).refused(2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'mthods = ["lsh"]',
            "unknown key in suite 'mine.toml': 'mthods'; did you mean 'methods'? available: ",
        ),
        ("bits = [12, -1]", "suite 'mine.toml': bits.1 = -1: Input should be greater than or equal to 1"),
        ("set = 3", "suite 'mine.toml': set = 3: Input should be a valid dictionary"),
        ("set.ksh.anchors = 3", "unknown parameter of ksh 'anchors'; did you mean 'n_anchors'?"),
        ("bits = 12, 24", "suite 'mine.toml' is not valid TOML in UTF-8: "),
    ],
)
def test_a_wrong_suite_file(call, tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(text)
    assert message in call("run", "--suite", "mine.toml").refused(2)


@pytest.mark.parametrize(
    "command", ["run -d mnist", "run -d digits cifar10", "data verify mnist", "data info mnist"]
)
def test_missing_data(call, tmp_path, command):
    said = call(*command.split(), "--data-dir", tmp_path / "empty").refused(3)
    name = "cifar10" if "cifar10" in command else "mnist"
    for part in (f"data set '{name}'", str(tmp_path / "empty"), f"hashbench data get {name}", "data import"):
        assert part in said
    assert list(tmp_path.iterdir()) == []


def test_the_data_folder_may_be_named_in_the_environment(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HASHBENCH_DATA", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere") in call("run", "-d", "mnist").refused(3)


def test_an_output_folder_that_cannot_be_one(small, tmp_path):
    (tmp_path / "file").touch()
    called = small("lsh", more=["--out", "file"])
    assert called.code == 2
    assert called.err.startswith(f"error: cannot write to '{tmp_path / 'file'}' (")
    assert called.err.count("\n") == 1


@pytest.fixture
def codes_files(tmp_path):
    rng = np.random.default_rng(0)
    for name, n_bits in (("query", 16), ("database", 16), ("shorter", 8)):
        np.savez(tmp_path / f"{name}.npz", codes=rng.integers(0, 2, (20, n_bits)), labels=np.arange(20) % 3)
    np.savez(tmp_path / "unlabelled.npz", codes=rng.integers(0, 2, (20, 16)))
    np.savez(tmp_path / "nan.npz", codes=np.full((20, 16), np.nan), labels=np.arange(20) % 3)
    (tmp_path / "text.npz").write_text("codes")


@pytest.mark.parametrize(
    ("database", "code", "message"),
    [
        ("nowhere.npz", 3, "codes file 'nowhere.npz' does not exist"),
        ("text.npz", 2, "codes file 'text.npz' is not an intact .npz file"),
        ("unlabelled.npz", 2, "codes file 'unlabelled.npz' lacks the array 'labels'; it holds: codes"),
        ("nan.npz", 2, "codes file 'nan.npz': "),
        ("shorter.npz", 2, "16 bits"),
    ],
)
def test_wrong_codes_files(call, codes_files, database, code, message):
    assert message in call("eval", "--query", "query.npz", "--database", database).refused(code)


def test_an_unknown_metric(call, codes_files, small):
    files = ("--query", "query.npz", "--database", "database.npz")
    assert "unknown metric 'mapp'" in call("eval", *files, "--metric", "mapp").refused(2)
    small("random")
    assert "unknown metric 'mapp'; did you mean 'map'" in call("table", "--metric", "mapp").refused(2)


def test_a_damaged_record(call, small, tmp_path):
    small("random")
    (path,) = tmp_path.rglob("*.json")
    path.write_text("{")
    said = call("table").refused(2)
    assert f"{path.relative_to(tmp_path)}' cannot be read" in said
    assert "delete the file and run the same command again" in said
    again = small("random")
    assert again.code == 0
    assert f"1 whose record '{path.name}' is damaged" in again.out
    assert call("table").code == 0


BROKEN = {"import no_such_package\n": "No module named 'no_such_package'", "def f(:\n": "invalid syntax"}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_plugin(call, small, tmp_path, text):
    (tmp_path / "broken.py").write_text(text)
    plugin = ("--plugin", "broken.py")
    for command in ("check", "info"):
        said = call(command, "broken", *plugin).refused(2)
        assert said.startswith(f"method 'broken' from {tmp_path / 'broken.py'} is broken: ")
        assert BROKEN[text] in said

    listed = call("list", "methods", *plugin)
    assert listed.code == 0
    assert "BROKEN: method 'broken'" in listed.out
    assert "Locality-sensitive hashing" in listed.out

    called = small("broken", "random", more=plugin)
    assert called.code == 1
    assert called.err == ""
    assert "digits 5k random 8 bits r0 map 0.1" in called.out
    last = called.out.splitlines()[-1]
    assert last.startswith("failed: digits 5k broken 8 bits r0: BrokenPluginError: method 'broken' from ")
    assert BROKEN[text] in last


def test_a_plugin_whose_name_is_taken(call, tmp_path):
    (tmp_path / "itq.py").write_text("import no_such_package\n")
    said = call("info", "itq", "--plugin", "itq.py").refused(2)
    assert "method 'itq'" in said
    assert str(tmp_path / "itq.py") in said
    assert "methods/itq.py" in said
    listed = call("list", "methods", "--plugin", "itq.py")
    assert "BROKEN: method 'itq'" in listed.out
    assert "Locality-sensitive hashing" in listed.out


def test_a_plugin_whose_name_means_something_else(call, tmp_path):
    (tmp_path / "shallow.py").write_text("")
    assert "'shallow'" in call("list", "methods", "--plugin", "shallow.py").refused(2)


def test_our_own_fault_shows_its_traceback(monkeypatch):
    monkeypatch.setattr("hashbench.cli.information.info", lambda **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["info", "itq"])


def test_an_unknown_name_that_is_a_file_here_says_how_to_name_it(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "--plugin" not in call("run", "-m", "own_hash").refused(2)
    (tmp_path / "own_hash.py").write_text("")
    assert "add --plugin own_hash.py" in call("run", "-m", "own_hash").refused(2)
    assert "add --plugin own_hash.py" in call("info", "own_hash").refused(2)


def test_an_unknown_data_set_that_is_a_folder_here_says_how_to_name_it(call, tmp_path):
    (tmp_path / "shapes").mkdir()
    for command in ("run -d", "data info", "check"):
        assert "folder:shapes" in call(*command.split(), "shapes").refused(2)
    assert "folder:shapes" not in call("run", "-m", "shapes").refused(2), "a method is no folder"


@pytest.mark.parametrize("fault", ["no classes", "no image", "too few images"])
def test_only_a_fault_of_the_split_names_the_protocol(call, tmp_path, fault):
    (tmp_path / "own").mkdir()
    for name in () if fault == "no classes" else ("a", "b"):
        (tmp_path / "own" / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / "own" / name / "1.png")
    if fault == "no image":
        (tmp_path / "own" / "b" / "1.png").write_text("text")
    said = call("run", "-m", "lsh", "-d", "folder:own", "-p", "5k").refused(2)
    assert ("protocol '5k'" in said) == (fault == "too few images")


def test_two_folders_of_records_are_refused_as_such(call, tmp_path):
    (tmp_path / "runs").mkdir()
    for command in ("table", "report"):
        assert "one folder of records only" in call(command, "r2", "runs").refused(2)
        assert "--methods lsh" in call(command, "r2", "lsh").refused(2)


def test_without_a_command_the_commands_are_shown(call):
    called = call()
    assert (called.code, called.out) == (2, "")
    assert "usage: hashbench" in called.err
    assert all(f"    {command} " in called.err for command in ("run", "table", "list", "info"))
