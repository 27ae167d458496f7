"""Constants: initializers, tensors in attributes, and the files that hold their data."""

from __future__ import annotations

import itertools
from pathlib import Path, PurePosixPath, PureWindowsPath

from sardonyx.check.messages.values import linear_size
from sardonyx.check.rule import Finding, Findings, Site, rule
from sardonyx.core.dtypes import INT64, UNDEFINED
from sardonyx.core.errors import SardonyxError
from sardonyx.ir import SparseTensor, Tensor


@rule("SDX-C161", on="graph")
def old_initializers_are_inputs(site: Site) -> Findings:
    """Before IR version 4 every initializer is an input too."""
    if site.model.ir_version < 4:
        inputs = {v.name for v in site.graph.inputs}
        for name in site.graph.initializers.keys() - inputs:
            yield Finding(
                f"constant '{name}' is no input of its graph",
                f"the IR version is {site.model.ir_version}",
                "raise ir_version to 4 or more, or add the input",
            )


@rule("SDX-C162", on="constant")
def tensor_has_a_type(site: Site) -> Findings:
    """A constant has an element type and a shape without negative extents."""
    tensor = site.constant
    if isinstance(tensor, Tensor):
        if tensor.dtype is UNDEFINED:
            yield Finding(f"tensor '{site.name}' has no element type", "its data_type is UNDEFINED", "set it")
        if any(d < 0 for d in tensor.shape):
            yield Finding(
                f"tensor '{site.name}' has a negative extent: {list(tensor.shape)}",
                "extents count elements",
                "correct the shape",
            )


@rule("SDX-C163", on="constant")
def tensor_has_its_data(site: Site) -> Findings:
    """A constant holds as many bytes as its type and shape say."""
    tensor = site.constant
    if (
        not isinstance(tensor, Tensor)
        or tensor.external is not None
        or tensor.dtype.bits == 0
        or min(tensor.shape, default=0) < 0
    ):
        return
    try:
        held = tensor.raw().nbytes
    except SardonyxError as error:
        yield Finding(f"the data of tensor '{site.name}' cannot be read: {error.what}", error.why, error.fix)
        return
    if held != tensor.nbytes:
        yield Finding(
            f"tensor '{site.name}' holds {held} bytes, {tensor.dtype}{list(tensor.shape)} needs {tensor.nbytes}",
            "data and shape disagree",
            "the file is damaged or was written wrongly; export it again",
        )


@rule("SDX-C165", on="constant")
def sparse_tensor_is_consistent(site: Site) -> Findings:
    """A sparse constant has one place per value, inside its shape, in ascending order."""
    sparse = site.constant
    if not isinstance(sparse, SparseTensor):
        return
    values, indices, shape = sparse.values, sparse.indices, sparse.shape
    if values.rank != 1:
        yield Finding(
            f"the values of sparse tensor '{site.name}' have rank {values.rank}",
            "they must be a vector",
            "flatten them",
        )
        return
    if indices.dtype is not INT64:
        yield Finding(
            f"the indices of sparse tensor '{site.name}' are {indices.dtype}", "places are int64", "convert them"
        )
        return
    wanted = (values.size,) if indices.rank == 1 else (values.size, len(shape))
    if indices.shape != wanted:
        yield Finding(
            f"the indices of sparse tensor '{site.name}' have shape {list(indices.shape)}",
            f"{values.size} values in a tensor of rank {len(shape)} need {list(wanted)}",
            "give one row of coordinates, or one linear index, per value",
        )
        return
    rows = indices.numpy()
    linear = [int(r) for r in rows] if indices.rank == 1 else []
    bounds = [linear_size(shape)] if indices.rank == 1 else list(shape)
    if indices.rank == 2:
        for row in rows.tolist():
            place = 0
            for coordinate, extent in zip(row, shape, strict=True):
                place = place * extent + coordinate
            linear.append(place)
    if any(
        not 0 <= x < bounds[axis]
        for axis in range(len(bounds))
        for x in rows.reshape(values.size, -1)[:, axis].tolist()
    ):
        yield Finding(
            f"an index of sparse tensor '{site.name}' lies outside {list(shape)}", "indices count from 0", "correct it"
        )
    elif any(a >= b for a, b in itertools.pairwise(linear)):
        yield Finding(
            f"the indices of sparse tensor '{site.name}' are not ascending",
            "each place comes once, in order",
            "sort them",
        )


@rule("SDX-C171", on="constant")
def external_path_stays_inside(site: Site) -> Findings:
    """External data lies in the model's folder or below it."""
    location = _location(site)
    if location is None:
        return
    pure = PurePosixPath(location.replace("\\", "/"))
    if not location:
        yield Finding(
            f"tensor '{site.name}' is stored externally, nowhere", "its location is empty", "set the location"
        )
    elif pure.is_absolute() or PureWindowsPath(location).drive:
        yield Finding(
            f"tensor '{site.name}' is stored at an absolute path: {location!r}",
            "external data is relative to the model",
            "save the model again",
        )
    elif _depth(pure) < 0:
        yield Finding(
            f"tensor '{site.name}' is stored outside the model's folder: {location!r}",
            "'..' leaves it",
            "save the model again",
        )


def _depth(path: PurePosixPath) -> int:
    depth = lowest = 0
    for part in path.parts:
        depth += -1 if part == ".." else 0 if part == "." else 1
        lowest = min(lowest, depth)
    return lowest


@rule("SDX-C172", on="constant")
def external_file_exists(site: Site) -> Findings:
    """The file of external data is there, is a plain file inside the folder, and is long enough."""
    location = _location(site)
    if not location or site.folder is None or any(True for _ in external_path_stays_inside(site)):
        return
    external = site.constant.external
    path = site.folder / location
    if not path.is_file():
        yield Finding(
            f"the file of tensor '{site.name}' is missing: {location!r}",
            f"it is not in {site.folder}",
            "copy it beside the model",
        )
    elif not _inside(path, site.folder):
        yield Finding(
            f"the file of tensor '{site.name}' is a link out of the model's folder",
            f"{location!r} leads elsewhere",
            "copy the file",
        )
    else:
        needed = external.offset + (site.constant.nbytes if external.length is None else external.length)
        if path.stat().st_size < needed:
            why = f"it has {path.stat().st_size} bytes, the tensor ends at byte {needed}"
            yield Finding(
                f"the file of tensor '{site.name}' is too short: {location!r}", why, "it is truncated; copy it again"
            )


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


@rule("SDX-C173", on="constant")
def external_extent_is_sane(site: Site) -> Findings:
    """Offset and length of external data are not negative, and the length is the tensor's."""
    if _location(site) is None:
        return
    external, tensor = site.constant.external, site.constant
    if external.offset < 0 or (external.length is not None and external.length < 0):
        yield Finding(
            f"tensor '{site.name}' has a negative offset or length",
            f"{external.offset}, {external.length}",
            "save the model again",
        )
    elif (
        external.length is not None
        and tensor.dtype.bits
        and min(tensor.shape, default=0) >= 0
        and external.length != tensor.nbytes
    ):
        yield Finding(
            f"tensor '{site.name}' has {external.length} bytes in {external.location!r}",
            f"{tensor.dtype}{list(tensor.shape)} needs {tensor.nbytes}",
            "save the model again",
        )


def _location(site: Site) -> str | None:
    tensor = site.constant
    return tensor.external.location if isinstance(tensor, Tensor) and tensor.external is not None else None
