"""What check and run say of a plugin with a fault leads its author to the line."""

import re

import pytest


@pytest.fixture
def faulty(call, tmp_path):
    """Write the template of a method with one text replaced; gives the path and the new text's line."""

    def write(old, new):
        call("new", "method", "faulty")
        path = tmp_path / "faulty.py"
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
        return path, text[: text.index(old)].count("\n") + 1

    return write


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("def _fit", "def fit_", r"faulty has no _fit\(self, X, y, generator\).*"),
        (
            "self.directions_ = self.scale",
            'self.directions_ = {}["a"]',
            r"KeyError: 'a' \(faulty\.py, line LINE\)",
        ),
        (
            "return X @ self.directions_ - self.thresholds_",
            "return X.numpy()",
            r"_project\(\) of faulty gives numpy\.ndarray; a torch\.Tensor is needed",
        ),
    ],
)
def test_check_says_a_fault_once_and_run_says_it_too(call, small, faulty, old, new, fault):
    path, line = faulty(old, new)
    fault = fault.replace("LINE", str(line))
    checked = call("check", path.name)
    assert checked.code == 1
    (failed,) = re.findall(r"^FAIL .*\n .*", checked.out, re.MULTILINE)
    found = re.search(rf": {fault}\n +and (\d) checks more: (.*)", failed)
    assert found
    n_more = int(found[1])
    assert len(found[2].split(", ")) == n_more >= 7
    assert checked.out.splitlines()[-1].startswith(f"faulty: {n_more + 1} failed, ")
    ran = small("faulty", more=["--plugin", path.name])
    assert ran.code == 1
    assert re.search(
        rf"^failed: .* r0: \w*{fault}$", ran.out.replace("BrokenPluginError: ", ""), re.MULTILINE
    )


def test_a_parameter_without_a_type_is_found_by_check_and_by_set(call, faulty):
    path, _ = faulty("scale: float = 1.0", "scale = 1.0")
    checked = call("check", path.name)
    assert checked.code == 1
    assert re.search(r"^FAIL +keeps its parameters: .*write scale: float = 1\.0", checked.out, re.MULTILINE)
    run = ("run", "-m", "faulty", "--plugin", path.name, "--set")
    assert "write scale: float = 1.0" in call(*run, "faulty.scale=2").refused(2)
    assert call(*run, "faulty.shift=2").refused(2).endswith("there is none")
