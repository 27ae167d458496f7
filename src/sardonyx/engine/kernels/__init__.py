"""Kernels in the tile IR, made from hashable specifications: a specification that recurs is compiled once."""
