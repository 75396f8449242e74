import pickle

from hashbench.errors import UnknownNameError


def test_unknown_name_suggests_and_survives_the_way_from_a_worker():
    error = UnknownNameError("method", "dpshh", ["lsh", "dpsh"])
    assert str(error) == "unknown method 'dpshh'; did you mean 'dpsh'? available: dpsh, lsh"
    assert "; did you mean 'dpsh'?" in str(UnknownNameError("method", "DPSH", ["lsh", "dpsh"]))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
