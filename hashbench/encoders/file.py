"""Encoders as files: safetensors, with a JSON header in its metadata. Written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.contracts.feature import Feature
from hashbench.contracts.method import HashMethod
from hashbench.encoders.encoder import Encoder
from hashbench.encoders.packing import Packer, Unpacker
from hashbench.errors import HashbenchError, InvalidInputError, MissingDataError
from hashbench.identity.rooms import ROOMS
from hashbench.identity.source import method_digest
from hashbench.plugins.registry import find
from hashbench.system.atomic import atomic_file
from hashbench.system.device import resolve_device
from hashbench.system.integrity import is_of_the_machine
from hashbench.system.paths import is_regular
from hashbench.system.text import text_of
from hashbench.training.network import Network

SUFFIX = ".safetensors"
KEY = "hashbench encoder"  # of the header in the metadata
MOST_BITS = 1 << 20
LARGEST_ITEM = 1 << 26  # numbers in one item that a method reads


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FeatureHeader(_Model):
    """The features that a method reads. name: None where they are of a user's file."""

    label: str
    name: str | None = None
    argument: str | None = None
    version: int | None = None
    network: Any = None


class ImagesHeader(_Model):
    """The images that were learned on. photographs: see ``Encoder``."""

    dataset: str
    shape: list[int] = Field(min_length=3, max_length=3)
    photographs: str


class Header(_Model):
    """Everything in a file but the numbers of its tensors; their shapes and their digest stand here too."""

    format: Literal[1] = 1
    method: str
    n_bits: int = Field(ge=1, le=MOST_BITS)
    params: Any
    state: Any
    feature: FeatureHeader | None = None
    images: ImagesHeader | None = None
    facts: dict[str, Any] = {}
    tensors: dict[str, tuple[str, list[int]]]
    sha256: str


def save_encoder(path: Path, encoder: Encoder) -> None:
    """Write an encoder. Raises InvalidInputError that names what no file can hold; then nothing is there."""
    method = encoder.method
    if method.not_saved:
        raise InvalidInputError(f"{method.name()} cannot be saved: {method.not_saved}")
    packer = Packer(_plan(encoder))
    params = {field.name: getattr(method, field.name) for field in fields(method) if field.name != "device"}
    packed = {
        "params": packer.pack(params, method.name()),
        "state": packer.pack(method._state(), method.name()),
        "feature": _feature_header(encoder, packer),
    }
    shape = None if encoder.shape is None else list(encoder.shape)
    images = shape and ImagesHeader(dataset=encoder.dataset, shape=shape, photographs=encoder.photographs)
    header = Header(
        method=method.name(),
        n_bits=encoder.n_bits,
        images=images or None,
        facts=dict(encoder.facts),
        tensors=_shapes(packer.tensors),
        sha256=_digest(packer.tensors),
        **packed,
    )
    content = save(packer.tensors, {KEY: json.dumps(header.model_dump(mode="json"), allow_nan=False)})
    with atomic_file(path) as file:
        file.write(content)


def load_encoder(path: Path, device: str = "auto", method: type[HashMethod] | None = None) -> Encoder:
    """The encoder in a file, ready to encode on a device. method: its class, where no plugin has it.

    Raises MissingDataError where there is no file; UnknownNameError, InvalidInputError.
    """
    header, tensors = _read(path)
    cls = find("method", header.method) if method is None else method
    where = resolve_device(device)
    try:
        homes = tuple(base.__module__ for base in cls.__mro__ if issubclass(base, HashMethod))
        unpacker = Unpacker(tensors, homes, where)
        params = unpacker.unpack(header.params)
        if set(params) - {field.name for field in fields(cls)}:
            raise ValueError(f"{cls.name()} has no parameters {', '.join(map(str, params))}")
        fitted = cls(**params, device=device)
        state = unpacker.unpack(header.state)
        if not all(isinstance(name, str) and name.endswith("_") for name in state):
            raise ValueError("what was learned has names that do not end in _")
        fitted._restore(state)
        feature, network = _feature_of(header.feature, unpacker)
        images = header.images
        encoder = Encoder(
            fitted,
            None if header.feature is None else header.feature.label,
            feature,
            network,
            None if images is None else (images.shape[0], images.shape[1], images.shape[2]),
            "" if images is None else images.dataset,
            "" if images is None else images.photographs,
            header.facts,
            header.sha256,
        )
        _try(encoder, header)
    except Exception as error:
        if is_of_the_machine(error):
            raise
        said = "" if isinstance(error, HashbenchError) else f"{type(error).__name__}: "
        reason = " ".join(text_of(error).split())[:300]
        raise InvalidInputError(
            f"'{path}' holds no encoder of this {cls.name()} ({said}{reason}); run its cell again"
        ) from error
    _warn_of_other_code(path, cls, header.facts)
    return encoder


def _read(path: Path) -> tuple[Header, dict[str, torch.Tensor]]:
    """The header and the tensors, which are as the header says."""
    try:
        if not is_regular(path):
            if path.exists():
                raise InvalidInputError(
                    f"encoder '{path}' is no regular file; give a record of a run, or a FILE.safetensors"
                )
            raise MissingDataError(
                f"there is no encoder '{path}'; run the cell with --save-models and a new --out"
            )
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            if text is None:
                raise InvalidInputError(f"'{path}' is no encoder of hashbench: it has no header of ours")
            content = json.loads(text)
            if not isinstance(content, dict) or content.get("format") != 1:
                raise InvalidInputError(f"encoder '{path}' has a format that this hashbench does not read")
            header = Header.model_validate_json(text)
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"the header of '{path}' is not valid ({place}: {first['msg']})") from error
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        if isinstance(error, HashbenchError):
            raise
        raise InvalidInputError(f"encoder '{path}' cannot be read ({text_of(error)})") from error
    if _shapes(tensors) != header.tensors or _digest(tensors) != header.sha256:
        raise InvalidInputError(
            f"the tensors of '{path}' are not those that were written; run its cell again"
        )
    return header, tensors


def _plan(encoder: Encoder) -> tuple[str, int] | None:
    """The backbone and the side of the encoder's networks."""
    recipe = getattr(encoder.method, "recipe", None)
    name = encoder.facts.get("backbone") or (recipe and recipe.backbone)
    shape: tuple[int, ...] = encoder.shape or encoder.method._input_shape_
    return (str(name), min(shape[1:])) if name and len(shape) == 3 else None


def _feature_header(encoder: Encoder, packer: Packer) -> FeatureHeader | None:
    if encoder.label is None:
        return None
    feature = encoder.feature
    if feature is None:
        return FeatureHeader(label=encoder.label)
    network = None if encoder.network is None else packer.pack(encoder.network, encoder.label)
    return FeatureHeader(
        label=encoder.label,
        name=feature.name(),
        argument=feature.argument,
        version=feature.version,
        network=network,
    )


def _feature_of(header: FeatureHeader | None, unpacker: Unpacker) -> tuple[Feature | None, Network | None]:
    if header is None or header.name is None:
        return None, None
    feature: Feature = find("feature", header.name).from_argument(header.argument)
    if feature.version != header.version:
        raise ValueError(f"feature '{header.name}' has version {feature.version} now, had {header.version}")
    network = None if header.network is None else unpacker.unpack(header.network)
    if network is not None and not isinstance(network, Network):
        raise ValueError("the feature's network is none")
    return feature, network


def _try(encoder: Encoder, header: Header) -> None:
    """Encode one empty item. Raises whatever goes wrong where the parts do not fit together."""
    method = encoder.method
    shape = method._input_shape_
    if not all(isinstance(side, int) and side > 0 for side in shape) or math.prod(shape) > LARGEST_ITEM:
        raise ValueError(f"it reads items of shape {shape}")
    if encoder.n_bits != header.n_bits:
        raise ValueError(f"it has {encoder.n_bits} bits, its header says {header.n_bits}")
    values = [method.project(np.zeros((1, *shape), np.uint8))]
    if encoder.network is not None or (encoder.feature is not None and encoder.shape is not None):
        assert encoder.shape is not None
        if min(encoder.shape) < 1 or math.prod(encoder.shape) > LARGEST_ITEM:
            raise ValueError(f"it reads images of shape {encoder.shape}")
        values.append(encoder.project(np.zeros((1, *encoder.shape), np.uint8)))
    if isinstance(method, CrossViewMethod):
        if not 0 < method.n_words_ <= LARGEST_ITEM:
            raise ValueError(f"it reads texts of {method.n_words_} words")
        values.append(method.project_text(np.zeros((1, method.n_words_), np.uint8)))
    wrong = [v.shape for v in values if method.output == "codes" and v.shape != (1, header.n_bits)]
    if wrong:
        raise ValueError(f"it gives values {wrong[0]} of one item")


def _warn_of_other_code(path: Path, cls: type[HashMethod], facts: Mapping[str, Any]) -> None:
    source, rooms = facts.get("method_source"), facts.get("rooms")
    changed = ["method"] if source is not None and source != method_digest(cls) else []
    if isinstance(rooms, dict):
        changed += [room for room, number in rooms.items() if room in ROOMS and ROOMS[room] != number]
    if changed:
        warnings.warn(
            f"'{path}' was written with other code ({', '.join(changed)}); its bits can differ", stacklevel=3
        )


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[str, list[int]]]:
    return {key: (str(tensor.dtype), list(tensor.shape)) for key, tensor in tensors.items()}


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    hasher = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        hasher.update(f"{key};{tensor.dtype};{tuple(tensor.shape)};".encode())
        hasher.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()
