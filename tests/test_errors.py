import pickle

from hashbench.errors import UnknownNameError


def test_unknown_name_suggests_and_survives_the_way_from_a_worker():
    error = UnknownNameError("method", "dpshh", ["lsh", "dpsh"])
    assert str(error) == "unknown method 'dpshh'; did you mean 'dpsh'? available: dpsh, lsh"
    assert "; did you mean 'dpsh'?" in str(UnknownNameError("method", "DPSH", ["lsh", "dpsh"]))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_many_names_are_not_in_the_message_but_the_command_that_lists_them():
    names = ["dpsh", "dsh", "dtsh", *(f"other_{number}" for number in range(20))]
    error = UnknownNameError("method", "dpshh", names)
    assert (
        str(error)
        == "unknown method 'dpshh'; did you mean 'dpsh', 'dsh' or 'dtsh'? see 'hashbench list methods'"
    )
    assert (error.available, str(pickle.loads(pickle.dumps(error)))) == (sorted(names), str(error))
    assert (
        str(UnknownNameError("method", "DSH", names)).count("'d") == 1
    )  # but for its case it is one of them
    nothing_near = UnknownNameError("plugin", "xyz", names, lists=["methods", "tasks"])
    assert str(nothing_near).endswith("see 'hashbench list WHAT', where WHAT is methods or tasks")
    assert all(
        name in str(UnknownNameError("parameter of dsh", "x", names)) for name in names
    )  # none lists them


def test_a_method_without_parameters_is_not_followed_by_an_empty_list():
    assert str(UnknownNameError("parameter of own", "x", [])).endswith("; there is none")
    assert not str(UnknownNameError("row", "x", [])).endswith(" ")
