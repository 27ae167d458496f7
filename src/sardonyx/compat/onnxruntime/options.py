"""What a session and a run are told. Options that steer onnxruntime's own machinery are kept, and change nothing here."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from sardonyx.compat.onnxruntime.errors import Fail
from sardonyx.compat.onnxruntime.values import OrtValue

__all__ = ["ExecutionMode", "ExecutionOrder", "GraphOptimizationLevel", "RunOptions", "SessionOptions"]


class GraphOptimizationLevel(IntEnum):
    """How much a graph is rewritten: not at all, or as `sardonyx.optimize` does."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(IntEnum):
    """Whether independent nodes run side by side. Here every kernel is spread over the threads instead."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(IntEnum):
    """In which order nodes run."""

    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


class _Configured:
    """Free-form entries, by name."""

    def __init__(self) -> None:
        self.log_severity_level = -1
        self.log_verbosity_level = 0
        self.logid = ""
        self._entries: dict[str, str] = {}

    def _entry(self, name: str, kind: str) -> str:
        if name not in self._entries:
            raise Fail(f"{kind} does not have a value for the config key: {name}")
        return self._entries[name]


class SessionOptions(_Configured):
    """What counts here: `intra_op_num_threads` (0 takes what the process may use), `enable_profiling` with
    `profile_file_prefix`, `optimized_model_filepath`, the overrides of free dimensions, and the initializers that are added.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.execution_order = ExecutionOrder.DEFAULT
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.inter_op_num_threads = 0
        self.intra_op_num_threads = 0
        self.optimized_model_filepath = ""
        self.profile_file_prefix = "onnxruntime_profile_"
        self.use_deterministic_compute = False
        self.use_per_session_threads = True
        self.dims_by_name: dict[str, int] = {}
        self.dims_by_denotation: dict[str, int] = {}
        self.initializers: dict[str, OrtValue] = {}
        self._providers: list[tuple[str, dict[str, str]]] = []

    def add_free_dimension_override_by_name(self, dim_name: str, dim_value: int) -> None:
        """Give a symbolic dimension a number."""
        self.dims_by_name[dim_name] = dim_value

    def add_free_dimension_override_by_denotation(self, dim_denotation: str, dim_value: int) -> None:
        """Give the dimensions of a denotation a number."""
        self.dims_by_denotation[dim_denotation] = dim_value

    def add_initializer(self, name: str, ort_value: OrtValue) -> None:
        """Use this value in place of the model's initializer of that name."""
        self.initializers[name] = ort_value

    def add_external_initializers(self, names: Sequence[str], values: Sequence[OrtValue]) -> None:
        """Use these values in place of initializers that lie outside the model's file."""
        self.initializers.update(zip(names, values, strict=True))

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Keep an entry; none has a meaning here."""
        self._entries[key] = value

    def get_session_config_entry(self, key: str) -> str:
        """The entry of that name.

        Raises:
            Fail: there is none.
        """
        return self._entry(key, "SessionOptions")

    def add_provider(self, name: str, options: dict[str, str]) -> None:
        """Name a provider to use."""
        self._providers.append((name, options))

    def has_providers(self) -> bool:
        """Whether a provider was named."""
        return bool(self._providers)

    def register_custom_ops_library(self, path: str) -> None:
        """Refused: such a library is compiled against onnxruntime.

        Raises:
            Fail: always.
        """
        raise Fail(
            f"the custom operators in {path} are compiled for onnxruntime; write them as functions in the model, or as an "
            "operator of sardonyx.ops"
        )


class RunOptions(_Configured):
    """What counts here: `terminate`, which refuses the run."""

    def __init__(self) -> None:
        super().__init__()
        self.only_execute_path_to_fetches = False
        self.terminate = False

    def add_run_config_entry(self, key: str, value: str) -> None:
        """Keep an entry; none has a meaning here."""
        self._entries[key] = value

    def get_run_config_entry(self, key: str) -> str:
        """The entry of that name.

        Raises:
            Fail: there is none.
        """
        return self._entry(key, "RunOptions")

    def add_active_adapter(self, adapter: Any) -> None:
        """Refused: adapters are onnxruntime's own format.

        Raises:
            Fail: always.
        """
        raise Fail("adapters are not supported; merge them into the model's initializers")
