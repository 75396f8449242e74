"""A grid becomes cells: groups spelt out, axes that a method does not have left out, every name checked."""

import pytest

from hashbench import registry
from hashbench.data.protocol import PROTOCOLS
from hashbench.errors import HashbenchError, InvalidInputError, UnknownNameError
from hashbench.execution.grid import expand, make_suite, read_suite, suite_names


def cells(**content):
    return [work.cell for work in expand(make_suite(content, "test"))]


def names(*methods):
    return list(dict.fromkeys(cell.method for cell in cells(methods=methods)))


def test_groups_are_spelt_out_controls_first_deep_last():
    control, shallow, deep = names("control"), names("shallow"), names("deep")
    assert control == ["classifier", "random", "real_valued"]
    assert {"itq", "ksh", "lsh", "pcah", "sdh", "sh", "cca_itq"} <= set(shallow)
    assert {"dpsh", "dsh", "dtsh", "mu_liu"} <= set(deep)
    assert names("all") == control + shallow + deep
    assert set(names("all")) == set(registry.plugins("method"))
    for group in (control, shallow, deep):
        assert group == sorted(group)


def test_the_order_is_not_that_of_the_command():
    assert names("dsh", "lsh", "random", "itq") == ["random", "itq", "lsh", "dsh"]
    assert names("deep", "itq", "dsh") == ["itq", *names("deep")]


def test_a_method_has_the_axes_it_needs_and_no_others():
    grid = cells(methods=["random", "real_valued", "lsh", "dsh"], bits=[24, 12, 24], repetitions=2)
    first = [cell for cell in grid if cell.repetition == 0]
    assert [(cell.method, cell.features, cell.backbone, cell.bits) for cell in first] == [
        ("random", None, None, 12),
        ("random", None, None, 24),
        ("real_valued", "pixels", None, None),
        ("real_valued", "cnn", "vgg7", None),
        ("lsh", "pixels", None, 12),
        ("lsh", "pixels", None, 24),
        ("lsh", "cnn", "vgg7", 12),
        ("lsh", "cnn", "vgg7", 24),
        ("dsh", None, "vgg7", 12),
        ("dsh", None, "vgg7", 24),
    ]
    assert len(grid) == 2 * len(first)


def test_a_folder_is_one_data_set_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    specs = ["folder:photos", "folder:photos/", "folder:./photos", f"folder:{tmp_path}/photos"]
    (cell,) = cells(methods=["random"], datasets=specs, bits=[8])
    assert cell.dataset == f"folder:{tmp_path}/photos"


def test_every_cell_has_a_file_of_its_own():
    works = expand(make_suite({"datasets": ["digits", "mnist"], "protocols": list(PROTOCOLS)}, "test"))
    assert len({work.stem for work in works}) == len(works)
    assert works[0].stem.startswith("digits/full/classifier-vgg7-12b-r0-")


def test_the_data_set_decides_whether_images_are_mirrored():
    digits, cifar = expand(
        make_suite({"methods": ["lsh"], "datasets": ["digits", "cifar10"], "bits": [8]}, "t")
    )[::2]
    assert (digits.protocol.recipe.flip, cifar.protocol.recipe.flip) == (False, True)
    assert digits.protocol.name == cifar.protocol.name == "5k"
    assert digits.protocol.digest != cifar.protocol.digest


def test_overrides_go_to_their_method_and_into_the_file_name():
    plain = {
        work.cell.method: work for work in expand(make_suite({"methods": ["itq", "ksh"], "bits": [8]}, "t"))
    }
    content = {"methods": ["itq", "ksh"], "bits": [8], "set": {"ksh.n_anchors": 77}}
    changed = {work.cell.method: work for work in expand(make_suite(content, "t"))}
    assert changed["ksh"].cell.params == {"n_anchors": 77}
    assert changed["ksh"].stem != plain["ksh"].stem
    assert changed["itq"] == plain["itq"]


def test_the_recipe_is_part_of_the_protocol():
    content = {"methods": ["lsh", "dsh"], "bits": [8], "set": {"recipe.epochs": 3, "recipe.backbone": "nin"}}
    plain, changed = (expand(make_suite({**content, "set": given}, "t")) for given in ({}, content["set"]))
    for before, after in zip(plain, changed, strict=True):
        assert (after.protocol.recipe.epochs, after.protocol.recipe.backbone) == (3, "nin")
        assert after.protocol.digest != before.protocol.digest
        assert after.stem != before.stem
        assert after.cell.backbone in (None, "nin")
    assert PROTOCOLS["5k"].recipe.backbone == "vgg7"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"methods": ["dshh"]}, "unknown method 'dshh'; did you mean 'dsh'"),
        ({"methods": ["deeep"]}, "unknown method 'deeep'"),
        ({"datasets": ["cifar"]}, "unknown dataset 'cifar'; did you mean 'cifar10'"),
        ({"datasets": ["digits:8"]}, "'digits' takes no argument, got ':8'"),
        ({"protocols": ["unsen"]}, "unknown protocol 'unsen'; did you mean 'unseen'"),
        ({"features": ["gist"]}, "test: features.0 = 'gist': Input should be 'pixels' or 'cnn'"),
        ({"bits": [12, 0]}, "test: bits.1 = 0: "),
        ({"bits": ["many"]}, "test: bits.0 = 'many': "),
        ({"bits": []}, r"test: bits = \[\]: "),
        ({"repetitions": 0}, "test: repetitions = 0: "),
        ({"set": 3}, "test: set = 3: "),
        ({"mthods": ["all"]}, "unknown key in test: 'mthods'; did you mean 'methods'"),
        ({"set": {"n_anchors": 3}}, "n_anchors: write METHOD.PARAMETER=VALUE"),
        ({"set": {"kssh.n_anchors": 3}}, "unknown method of this run 'kssh'; did you mean 'ksh'"),
        ({"set": {"ksh.n_anchor": 3}}, "unknown parameter of ksh 'n_anchor'; did you mean 'n_anchors'"),
        ({"set": {"ksh.n_anchors": "many"}}, "ksh.n_anchors='many': Input should be a valid integer"),
        ({"set": {"ksh.n_bits": 3}}, "unknown parameter of ksh 'n_bits'"),
        ({"methods": ["dsh"], "set": {"dsh.recipe": 1}}, "unknown parameter of dsh 'recipe'"),
        ({"set": {"recipe.flip": True}}, "unknown parameter of recipe 'flip'"),
        ({"set": {"recipe.epoch": 3}}, "unknown parameter of recipe 'epoch'; did you mean 'epochs'"),
        ({"set": {"recipe.schedule": "step"}}, "Input should be 'onecycle' or 'cosine'"),
        ({"set": {"recipe.backbone": "vgg"}}, "unknown backbone 'vgg'; did you mean 'vgg7'"),
        ({"set": {"recipe.backbone": 7}}, "recipe.backbone=7: Input should be a valid string"),
    ],
)
def test_a_wrong_grid_is_refused_by_name(content, message):
    with pytest.raises(HashbenchError, match=message) as caught:
        cells(**content)
    assert isinstance(caught.value, InvalidInputError | UnknownNameError)


def test_a_broken_method_is_a_cell_of_each_code_length(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("import no_such_package\n")
    registry.register_file(path)
    works = expand(make_suite({"methods": ["broken", "lsh"], "features": ["pixels"], "bits": [8, 16]}, "t"))
    assert [(work.cell.method, work.cell.bits) for work in works] == [
        ("lsh", 8),
        ("lsh", 16),
        ("broken", 8),
        ("broken", 16),
    ]
    assert works[-1].method_source is None
    assert names("all")[-1] == "broken"


def test_shipped_suites_are_valid():
    assert suite_names() == ["paper", "quick"]
    for name in suite_names():
        suite = make_suite(read_suite(name), name)
        assert suite.description
        assert expand(suite)


def test_a_suite_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('methods = ["ksh"]\nbits = [8]\n[set]\nksh.n_anchors = 50\n"recipe.lr" = 0.1\n')
    suite = make_suite(read_suite(str(path)), "mine")
    assert suite.set == {"ksh.n_anchors": 50, "recipe.lr": 0.1}
    assert expand(suite)[0].cell.params == {"n_anchors": 50}


def test_a_suite_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(
        InvalidInputError, match=r"mine\.toml' does not exist; give a path, or one of the names paper"
    ):
        read_suite(str(path))
    path.write_text("methods = [lsh]\n")
    with pytest.raises(InvalidInputError, match=r"mine\.toml' is not valid TOML: .*line 1"):
        read_suite(str(path))
    with pytest.raises(UnknownNameError, match="unknown suite 'quik'; did you mean 'quick'"):
        read_suite("quik")
