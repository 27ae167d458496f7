"""Resizing and sampling of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

_AXES = {1: "", 2: "_h _w", 3: "_d _h _w"}


def resized(
    g: Builder,
    x: Value,
    out: TensorType,
    scales: Sequence[float | None] | None,
    mode: str,
    places: str,
    antialias: bool = False,
) -> Value:
    """To given scales where there are any, since they say where the samples lie, else to given sizes."""
    spatial = (x.rank or 2) - 2
    factors = [f for f in scales or () if f is not None]
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": places}
    if mode == "nearest":
        attributes["nearest_mode"] = "floor" if places == "asymmetric" else "round_prefer_ceil"
    if mode == "cubic":
        attributes["cubic_coeff_a"] = -0.5 if antialias else -0.75  # Pillow's, and everybody else's
    if antialias:
        attributes |= {"antialias": 1, "exclude_outside": 1}
    if len(factors) == spatial:
        return g.Resize(x, None, [1.0, 1.0, *(float(f) for f in factors)], **attributes)
    heads = shape_of(x)[:2]
    return g.Resize(x, None, None, g.extents.vector([*heads, *shape_of(out)[2:]]), **attributes)


def _nearest(name: str, spatial: int, places: str) -> None:
    @aten(f"{name}.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor")
    def by_list(
        g: Builder,
        input: Value,
        output_size: Sequence[Dim] | None,
        scale_factors: Sequence[float] | None,
        out: TensorType,
    ) -> Value:
        return resized(g, input, out, scale_factors, "nearest", places)

    axes = _AXES[spatial].split() or [""]
    listed = ", ".join(f"float? scales{axis}=None" for axis in axes)

    @aten(f"{name}(Tensor self, SymInt[{spatial}] output_size, {listed}) -> Tensor")
    def by_size(g: Builder, self: Value, output_size: Sequence[Dim], out: TensorType, **scales: float | None) -> Value:
        return resized(g, self, out, _given(scales), "nearest", places)


def _given(arguments: dict[str, float | None]) -> list[float | None]:
    return [value for name, value in arguments.items() if name.startswith("scales")]


def _smooth(name: str, spatial: int, mode: str, antialias: bool = False) -> None:
    @aten(f"{name}.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor")
    def by_list(
        g: Builder, input: Value, output_size: Sequence[Dim] | None, align_corners: bool, scale_factors: Sequence[float] | None,
        out: TensorType,
    ) -> Value:  # fmt: skip
        return resized(g, input, out, scale_factors, mode, _places(align_corners), antialias)

    axes = _AXES[spatial].split() or [""]
    listed = ", ".join(f"float? scales{axis}=None" for axis in axes)

    @aten(f"{name}(Tensor self, SymInt[{spatial}] output_size, bool align_corners, {listed}) -> Tensor")
    def by_size(
        g: Builder,
        self: Value,
        output_size: Sequence[Dim],
        align_corners: bool,
        out: TensorType,
        **scales: float | None,
    ) -> Value:
        return resized(g, self, out, _given(scales), mode, _places(align_corners), antialias)


def _places(align_corners: bool) -> str:
    return "align_corners" if align_corners else "half_pixel"


for _spatial in (1, 2, 3):
    _nearest(f"upsample_nearest{_spatial}d", _spatial, "asymmetric")
    _nearest(f"_upsample_nearest_exact{_spatial}d", _spatial, "half_pixel")
_smooth("upsample_linear1d", 1, "linear")
_smooth("upsample_bilinear2d", 2, "linear")
_smooth("upsample_trilinear3d", 3, "linear")
_smooth("upsample_bicubic2d", 2, "cubic")
_smooth("_upsample_bilinear2d_aa", 2, "linear", antialias=True)
_smooth("_upsample_bicubic2d_aa", 2, "cubic", antialias=True)


_MODES = ("linear", "nearest", "cubic")
_FORMER_MODES = ("bilinear", "nearest", "bicubic")  # until opset 20
_PADDINGS = ("zeros", "border", "reflection")


@aten("grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor")
@aten(
    "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
)
@aten(
    "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
)
def grid_sampler(
    g: Builder, input: Value, grid: Value, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Value:
    modes = _MODES if g.opset >= 20 else _FORMER_MODES
    return g.GridSample(
        input, grid, mode=modes[interpolation_mode], padding_mode=_PADDINGS[padding_mode], align_corners=align_corners
    )
