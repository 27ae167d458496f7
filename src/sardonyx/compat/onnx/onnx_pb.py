"""The messages, enums and version constants of the official package, from the room that declares them."""

from __future__ import annotations

from sardonyx.proto import onnx_messages
from sardonyx.proto.onnx_messages import *  # noqa: F403  the list of names is there
from sardonyx.proto.onnx_messages import OperatorStatus, Version

EXPERIMENTAL: int = OperatorStatus.Value("EXPERIMENTAL")
STABLE: int = OperatorStatus.Value("STABLE")
IR_VERSION_2017_10_10: int = Version.Value("IR_VERSION_2017_10_10")
IR_VERSION_2017_10_30: int = Version.Value("IR_VERSION_2017_10_30")
IR_VERSION_2017_11_3: int = Version.Value("IR_VERSION_2017_11_3")
IR_VERSION_2019_1_22: int = Version.Value("IR_VERSION_2019_1_22")
IR_VERSION_2019_3_18: int = Version.Value("IR_VERSION_2019_3_18")
IR_VERSION_2019_9_19: int = Version.Value("IR_VERSION_2019_9_19")
IR_VERSION_2020_5_8: int = Version.Value("IR_VERSION_2020_5_8")
IR_VERSION_2021_7_30: int = Version.Value("IR_VERSION_2021_7_30")
IR_VERSION_2023_5_5: int = Version.Value("IR_VERSION_2023_5_5")
IR_VERSION_2024_3_25: int = Version.Value("IR_VERSION_2024_3_25")
IR_VERSION_2025_05_12: int = Version.Value("IR_VERSION_2025_05_12")
IR_VERSION_2025_08_26: int = Version.Value("IR_VERSION_2025_08_26")
IR_VERSION_2025_11_06: int = Version.Value("IR_VERSION_2025_11_06")
IR_VERSION: int = Version.Value("IR_VERSION")

__all__ = [
    "EXPERIMENTAL",
    "IR_VERSION",
    "IR_VERSION_2017_10_10",
    "IR_VERSION_2017_10_30",
    "IR_VERSION_2017_11_3",
    "IR_VERSION_2019_1_22",
    "IR_VERSION_2019_3_18",
    "IR_VERSION_2019_9_19",
    "IR_VERSION_2020_5_8",
    "IR_VERSION_2021_7_30",
    "IR_VERSION_2023_5_5",
    "IR_VERSION_2024_3_25",
    "IR_VERSION_2025_05_12",
    "IR_VERSION_2025_08_26",
    "IR_VERSION_2025_11_06",
    "STABLE",
]
__all__ += onnx_messages.__all__
