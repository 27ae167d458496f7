"""Grids of points."""

from __future__ import annotations

from sardonyx.ops.bodies.body import body

# Places are counted through, then taken apart into depth, height and width; an image without depth has the depth 1.
body(
    "AffineGrid",
    {20: 20},
    """
    zero = Constant <value = int64 {0}> ()
    one = Constant <value = int64 {1}> ()
    one_1 = Constant <value = int64[1] {1}> ()
    two_1 = Constant <value = int64[1] {2}> ()
    minus = Constant <value = int64[1] {-1}> ()
    minus_3 = Constant <value = int64[1] {-3}> ()
    many = Constant <value = int64[1] {9223372036854775807}> ()
    spatial = Slice (size, two_1, many)
    longer = Concat <axis = 0> (one_1, spatial)
    extents = Slice (longer, minus_3, many)
    depth, height, width = Split <axis = 0, num_outputs = 3> (extents)
    count = ReduceProd <keepdims = 0> (extents)
    place = Range (zero, count, one)
    row = Div (place, width)
    column = Mod (place, width)
    layer = Div (row, height)
    line = Mod (row, height)
    column_up = Unsqueeze (column, minus)
    line_up = Unsqueeze (line, minus)
    layer_up = Unsqueeze (layer, minus)
    index = Concat <axis = 1> (column_up, line_up, layer_up)
    sizes = Concat <axis = 0> (width, height, depth)
    index_d = Cast <to = 11> (index)
    sizes_d = Cast <to = 11> (sizes)
    one_d = Constant <value = double {1.0}> ()
    two_d = Constant <value = double {2.0}> ()
    double_index = Mul (index_d, two_d)
    between = Sub (sizes_d, one_d)
    gaps = Max (between, one_d)
    corner_way = Div (double_index, gaps)
    middle = Add (double_index, one_d)
    middle_way = Div (middle, sizes_d)
    aligned_i = Constant <value_int: int = @align_corners> ()
    aligned = Cast <to = 9> (aligned_i)
    way = Where (aligned, corner_way, middle_way)
    point = Sub (way, one_d)
    axes = Shape <start = 1, end = 2> (theta)
    start = Constant <value = int64[1] {0}> ()
    coordinates = Slice (point, start, axes, one_1)
    count_1 = Reshape (count, one_1)
    column_shape = Concat <axis = 0> (count_1, one_1)
    ones = Expand (one_d, column_shape)
    base = Concat <axis = 1> (coordinates, ones)
    theta_d = Cast <to = 11> (theta)
    turned = Transpose <perm = [0, 2, 1]> (theta_d)
    mapped = MatMul (base, turned)
    batch = Shape <start = 0, end = 1> (theta)
    whole = Concat <axis = 0> (batch, spatial, axes)
    grid_d = Reshape (mapped, whole)
    grid = CastLike (grid_d, theta)
    """,
)
