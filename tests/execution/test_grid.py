"""A grid becomes cells: groups spelt out, axes that a method does not have left out, every name checked."""

import pytest

from hashbench.contracts.recipe import Invariances
from hashbench.errors import HashbenchError, InvalidInputError, UnknownNameError
from hashbench.execution.grid import expand
from hashbench.execution.suite import make_suite
from hashbench.plugins import registry
from hashbench.plugins.registry import find_protocol, protocols


def works_of(**content):
    return expand(make_suite({"protocols": ["5k"], **content}, "test")).works


def cells(**content):
    return [work.cell for work in works_of(**content)]


def names(*methods, **content):
    return list(dict.fromkeys(cell.method for cell in cells(methods=methods, **content)))


def test_groups_are_spelt_out_controls_first_deep_last():
    control, shallow, deep = names("control"), names("shallow"), names("deep")
    assert {"classifier", "fixmatch", "opq", "pq", "random", "real_valued"} <= set(control)
    assert {"itq", "ksh", "lsh", "pcah", "sdh", "sh", "cca_itq"} <= set(shallow)
    assert {"dpsh", "dsh", "dtsh", "mu_liu"} <= set(deep)
    assert names("all") == control + shallow + deep
    assert set(names("all", protocols=None)) == set(registry.plugins("method"))
    for task, protocol in (("retrieval", "5k"), ("cross_view", "cross-view")):
        made = {name for name in registry.plugins("method") if task in registry.find("method", name).made_for}
        assert set(names("all", protocols=[protocol])) == made
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
    assert cell.dataset == "folder:photos"


def test_every_cell_has_a_file_of_its_own():
    works = works_of(datasets=["digits", "mnist"], protocols=sorted(protocols(), key="full".__ne__))
    assert len({work.stem for work in works}) == len(works)
    assert works[0].stem.startswith("digits/full/ce_sign-vgg7-12b-r0-")


def test_the_data_set_says_what_may_be_done_to_its_images_and_the_recipe_stays_as_it_is():
    works = works_of(methods=["dsh"], datasets=["mnist", "cifar10"], bits=[8])
    assert [work.setting.invariances for work in works] == [
        Invariances(mirror=False, occlude=False),
        Invariances(mirror=True, occlude=True),
    ]
    assert {work.setting.protocol.recipe for work in works} == {find_protocol("5k").recipe}


def test_overrides_go_to_their_method_and_into_the_file_name():
    plain = {work.cell.method: work for work in works_of(methods=["itq", "ksh"], bits=[8])}
    content = {"methods": ["itq", "ksh"], "bits": [8], "set": {"ksh.n_anchors": 77}}
    changed = {work.cell.method: work for work in works_of(**content)}
    assert changed["ksh"].cell.params == {"n_anchors": 77}
    assert changed["ksh"].stem != plain["ksh"].stem
    assert changed["itq"] == plain["itq"]


def test_the_recipe_is_part_of_cells_with_a_network_and_of_no_others():
    content = {"methods": ["lsh", "dsh"], "bits": [8], "set": {"recipe.epochs": 3, "recipe.backbone": "nin"}}
    plain, changed = (works_of(**{**content, "set": given}) for given in ({}, content["set"]))
    for before, after in zip(plain, changed, strict=True):
        recipe = after.setting.protocol.recipe
        assert (recipe.epochs, recipe.backbone) == (3, "nin")
        network = after.cell.method == "dsh" or after.cell.features == "cnn"
        assert (after.cell.backbone, before.cell.backbone) == (("nin", "vgg7") if network else (None, None))
        assert (after.recipe_digest != before.recipe_digest) is network
        assert (after.stem != before.stem) is network
    assert find_protocol("5k").recipe.backbone == "vgg7"


# -- features ----------------------------------------------------------------------------------------


def test_a_feature_with_another_argument_is_another_cell():
    works = works_of(methods=["lsh"], features=["ssl", "ssl=4"], bits=[8])
    assert [work.cell.features for work in works] == ["ssl", "ssl=4"]
    assert works[0].stem != works[1].stem
    other_forms = works_of(methods=["lsh"], features=["ssl=1.0", "ssl=04"], bits=[8])
    assert [work.stem for work in other_forms] == [work.stem for work in works]


def test_a_file_of_features_is_called_by_its_label(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    works = works_of(methods=["lsh"], features=["pixels", "clip=rows.npy", "file=rows.npy"], bits=[8])
    assert [work.cell.features for work in works] == ["pixels", "clip", "file"]
    assert works[1].feature.argument == str(tmp_path / "rows.npy")
    assert str(tmp_path) not in works[1].cell.model_dump_json() + works[1].stem


def test_a_cell_names_what_it_needs_first():
    works = works_of(methods=["lsh", "dsh"], bits=[8], pretraining=["none", "softmax"])
    found = {(work.title, work.cell.features): work.artefacts for work in works}
    assert found["lsh", "pixels"] == found["dsh (pretraining=none)", None] == []
    (read,), (started,) = found["lsh", "cnn"], found["dsh", None]
    assert (read.rows, started.rows) == (True, False)
    assert read.key == started.key


# -- how deep methods start, and variants ------------------------------------------------------------


def rows(**content):
    works = works_of(**{"bits": [8], "features": ["cnn"], **content})
    return [(work.title, work.trained is not None) for work in works]


def test_deep_methods_are_run_from_each_start_and_others_once():
    assert rows(methods=["lsh", "dsh"], pretraining=["none", "softmax", "frozen", "none"]) == [
        ("lsh", True),
        ("dsh (pretraining=none)", False),
        ("dsh", True),
        ("dsh (pretraining=frozen)", True),
    ]
    assert rows(methods=["dsh"], pretraining=["joint"]) == [("dsh (pretraining=joint)", False)]


def test_a_method_that_is_told_its_start_keeps_to_it():
    given = {"methods": ["dsh", "dpsh"], "set": {"dsh.pretraining": "frozen"}}
    assert rows(**given, pretraining=["none"]) == [
        ("dpsh (pretraining=none)", False),
        ("dsh (pretraining=frozen)", True),
    ]


def test_a_parameter_at_its_default_is_no_other_cell():
    plain, same = (works_of(methods=["ksh"], set=given) for given in ({}, {"ksh.n_anchors": 300}))
    assert [work.stem for work in same] == [work.stem for work in plain]


def test_variants_are_rows_with_parameters_of_their_own():
    content = {
        "variants": [
            {"label": "tuned", "method": "mu_liu", "params": {"scale": 2}},
            {"label": "as it is", "method": "mu_liu", "params": {"scale": 5.0}},
            {"label": "coded", "method": "itq"},
        ],
        "set": {"itq.n_iter": 5, "mu_liu.similar_weight": 0.4},
    }
    assert rows(**content) == [
        ("tuned: mu_liu (scale=2.0, similar_weight=0.4)", True),
        ("as it is: mu_liu (similar_weight=0.4)", True),
        ("coded: itq (n_iter=5)", True),
    ]
    assert rows(**content, methods=["lsh", "itq"]) == [("lsh", True), *rows(**content)]


def test_one_protocol_for_all_starts():
    content = {"methods": ["dsh"], "pretraining": ["none", "softmax", "frozen", "joint"], "bits": [8]}
    works = works_of(**content)
    assert len({work.recipe_digest for work in works}) == 1
    assert len({work.stem for work in works}) == 4


VARIANT = {"label": "A", "method": "ksh", "params": {"n_anchors": 3}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"methods": []}, r"test: methods = \[\]: name at least one"),
        ({"pretraining": ["imagenet"]}, "test: pretraining.0 = 'imagenet': must be 'softmax'"),
        ({"variants": [{"method": "ksh"}]}, "test: variants.0.label = .*: Field required"),
        ({"variants": [{**VARIANT, "label": ""}]}, "test: variants.0.label = '': "),
        ({"variants": [{**VARIANT, "prams": 1}]}, "test: variants.0.prams = 1: Extra inputs"),
        ({"variants": [{**VARIANT, "method": "kssh"}]}, "unknown method 'kssh'; did you mean 'ksh'"),
        (
            {"variants": [{**VARIANT, "params": {"n_anchor": 3}}]},
            "unknown parameter of ksh 'n_anchor'; did you mean 'n_anchors'",
        ),
        (
            {"variants": [{**VARIANT, "params": {"n_anchors": "many"}}]},
            "variant 'A': ksh.n_anchors='many': Input should be a valid integer",
        ),
        ({"variants": [VARIANT, {**VARIANT, "method": "lsh"}]}, "two are labelled 'A'"),
        (
            {"variants": [VARIANT, {**VARIANT, "label": "B"}]},
            "variants 'A' and 'B' are the same: ksh with the same parameters",
        ),
        ({"methods": ["dshh"]}, "unknown method 'dshh'; did you mean 'dsh'"),
        ({"methods": ["deeep"]}, "unknown method 'deeep'"),
        ({"datasets": ["cifar"]}, "unknown dataset 'cifar'; did you mean 'cifar10'"),
        ({"datasets": ["digits:8"]}, "'digits' takes no argument, got ':8'"),
        ({"protocols": ["unsen"]}, "unknown protocol 'unsen'; did you mean 'unseen'"),
        ({"features": ["pixel"]}, "unknown feature 'pixel'; did you mean 'pixels'"),
        ({"features": ["pixels", "pixels=a.npy"]}, "'pixels' takes no argument"),
        ({"features": ["a=x.npy", "a=y.npy"]}, "two are called 'a'"),
        ({"features": ["a b=x.npy"]}, "label 'a b'"),
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
        ({"set": {"ksh.n_bits": 3}}, "ksh.n_bits is not set so; use --bits"),
        ({"methods": ["dsh"], "set": {"dsh.recipe": 1}}, "dsh.recipe is not set so; use recipe.FIELD"),
        ({"set": {"recipe.flip": True}}, "unknown parameter of recipe 'flip'"),
        (
            {"datasets": ["cifar10", "mnist"], "set": {"recipe.erase": 0.2}},
            "recipe.erase: an image of 'mnist'",
        ),
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
    works = works_of(methods=["broken", "lsh"], features=["pixels"], bits=[8, 16])
    assert [(work.cell.method, work.cell.bits) for work in works] == [
        ("lsh", 8),
        ("lsh", 16),
        ("broken", 8),
        ("broken", 16),
    ]
    assert works[-1].method_source is None
    assert names("all")[-1] == "broken"
