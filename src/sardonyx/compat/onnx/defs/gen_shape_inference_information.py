"""How many operators infer the types and shapes of their results, and which do not."""

from __future__ import annotations

from sardonyx.compat.onnx import defs

__all__ = ["main"]


def main() -> None:
    """Print it."""
    schemas = defs.get_all_schemas()
    without = sorted((s.domain, s.name) for s in schemas if not s.has_type_and_shape_inference_function)
    print(len(schemas) - len(without), "operators have a type/shape inference function.")
    print(len(without), "have none:")
    for domain, name in without:
        print(domain, name)


if __name__ == "__main__":
    main()
