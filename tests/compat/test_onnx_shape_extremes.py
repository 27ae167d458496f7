"""Extents that no 64 bits hold, shapes of too many axes, and counts that do not go together: both packages refuse the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compat.programs import same
from tests.compat.test_onnx_shape_refusals import both, model

MOST = 2**63 - 1
BIG = f"float[{2**32}, {2**32}] x"
OVERFLOWS: dict[str, str] = {
    "kernels of a Conv": model("float[1, 1, 5] x, float[1, 1, 2] w", f"y = Conv<dilations = [{MOST}]>(x, w)"),
    "kernels of a pool": model("float[1, 1, 5] x", f"y = MaxPool<kernel_shape = [2], dilations = [{MOST}]>(x)"),
    "pads of a pool": model("float[1, 1, 5] x", f"y = MaxPool<kernel_shape = [2], pads = [{MOST}, 1]>(x)"),
    "channels": model(f"float[1, 2, 1] x, float[2, {MOST}, 1] w", "y = ConvTranspose<group = 2>(x, w)"),
    "strides": model("float[1, 1, 5] x, float[1, 1, 2] w", f"y = ConvTranspose<strides = [{MOST}]>(x, w)"),
    "blocks of depth": model("float[1, 1, 1, 1] x", f"y = DepthToSpace<blocksize = {2**32}>(x)"),
    "blocks of space": model("float[1, 1, 1, 1] x", f"y = SpaceToDepth<blocksize = {2**32}>(x)"),
    "a sum": model(f"float[{MOST}, 1] x, float[1, 1] z", "y = Concat<axis = 0>(x, z)"),
    "a product": model(BIG, "y = Flatten<axis = 2>(x)"),
    "what is left": model(BIG, "s = Constant<value_ints = [-1]>() y = Reshape(x, s)"),
    "repeats": model("float[2] x", f"r = Constant<value = int64[1] {{{MOST}}}>() y = Tile(x, r)"),
    "pads": model("float[2] x", f"p = Constant<value = int64[2] {{{MOST}, 1}}>() y = Pad(x, p)"),
    "pads of who knows what": model("float[N] x", f"p = Constant<value = int64[2] {{{MOST}, 1}}>() y = Pad(x, p)"),
    "columns": model(
        "float[1, 1, 1] x",
        f"i = Constant<value = int64[2] {{1, 1}}>() b = Constant<value = int64[2] {{{MOST}, 2}}>() y = Col2Im(x, i, b)",
    ),
}


@pytest.mark.parametrize("what", OVERFLOWS)
def test_overflows(what: str) -> None:
    """Each is refused, in words that tell why, and passed over where that is asked for."""
    both(OVERFLOWS[what])
    assert both(OVERFLOWS[what], strict=True) == ("raises", "InferenceError")
    for package in packages():
        parsed = package.parser.parse_model(OVERFLOWS[what])
        with pytest.raises(package.shape_inference.InferenceError, match="overflow"):
            package.shape_inference.infer_shapes(parsed, strict_mode=True)


def packages() -> list[Any]:
    found: list[Any] = []
    same(found.append)
    return found


@pytest.mark.parametrize("count", [8, 1024, 1025, 2**31, MOST])
def test_axes_without_end(count: int) -> None:
    """Of a shape that is stated to have more than 1024 axes, nothing is said."""
    both(model(f"float[2, 3] x, int64[{count}] s", "y = Reshape(x, s)"), strict=True)
    both(model(f"float[2, 3] x, int64[{count}] s", "y = Expand(x, s)"), strict=True)
    both(model(f"int64[{count}] s", "y = ConstantOfShape(s)"), strict=True)
    both(model(f"float[2, 2, 3] x, int64[{count}] s", "y = AffineGrid(x, s)"), strict=True)
    both(model(f"float[1, 1, 8] x, int64[{count}] i, int64[{count}] b", "y = Col2Im(x, i, b)"), strict=True)


@pytest.mark.parametrize("version", [2, 11, 13, 18])
def test_no_parts(version: int) -> None:
    def program(o: Any) -> Any:
        h = o.helper
        graph = h.make_graph([h.make_node("Split", ["x"], [])], "g", [h.make_tensor_value_info("x", 1, [4])], [])
        made = h.make_model(graph, opset_imports=[h.make_opsetid("", version)])
        return o.shape_inference.infer_shapes(made, strict_mode=True)

    assert same(program) == ("raises", "InferenceError")


@pytest.mark.parametrize("version", [9, 10, 11, 28])
def test_indices_from_behind(version: int) -> None:
    """Since version 11 alone."""
    body = "d = Constant<value = int64 {3}>() i = Constant<value = int64[2] {0, -1}>() y = OneHot(i, d, v)"
    said = both(model("float[2] v", body, version=version), strict=True)
    assert isinstance(said, bytes) == (version >= 11)


@pytest.mark.parametrize("state, scanned", [("a, b", 1), ("a", 9), ("a", -1)])
def test_what_is_scanned(state: str, scanned: int) -> None:
    inner = "float s" + ", float t" * state.count(",") + ", float u"
    body = f"y = Scan<num_scan_inputs = {scanned}, body = b ({inner}) => (float r) {{ r = Identity(s) }}>({state}, x)"
    assert both(model("float[2] a, float[2] b, float[3, 2] x", body), strict=True) == ("raises", "InferenceError")


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize(
    "extents, sizes", [((16777217, 5), (16777217, 5)), ((16777217, 3), (33554434, 7)), ((3, 7), (10, 11))]
)
def test_sizes_that_keep_the_ratio(policy: str, extents: tuple[int, int], sizes: tuple[int, int]) -> None:
    """In double precision: single precision counts no further than 2 to the power of 24."""
    body = f's = Constant<value_ints = {list(sizes)}>() y = Resize<keep_aspect_ratio_policy = "{policy}">(x, , , s)'
    both(model(f"float{list(extents)} x", body), strict=True)
