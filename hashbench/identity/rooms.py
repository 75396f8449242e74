"""A version number for each shared room, a subpackage that results depend on besides the method's own file.

A number is raised by hand when the room's code changes so that results can change, and only then: a new
function, a better name or a faster way to the same values makes nothing stale. ``tests/identity`` pins what
each room computes on toy data, and fails where the values change under the same number.
"""

ROOMS: dict[str, int] = {
    "contracts": 1,  # validation of inputs and labels, from real values to bits
    "numerics": 1,
    "images": 1,  # decoding, splits
    "training": 1,  # the loop, augmentation, backbones, the losses' shared parts
    "evaluation": 1,
    "execution": 1,  # seeds, what a cell gives its method, in which order and form
}
