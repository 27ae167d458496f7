"""Why each breach is one, and what to do about it."""

from __future__ import annotations

__all__ = ["LAWS"]

_DAMAGED = "the file is damaged or was written wrongly; export it again"
_NAME = "an empty name means that an optional value is left out"

LAWS: dict[str, tuple[str, str]] = {
    "SDX-C101": ("the standard asks for a name of each graph", "set the graph's name"),
    "SDX-C102": (_NAME, "name it"),
    "SDX-C103": ("a name stands for one value", "rename all but one"),
    "SDX-C104": ("each name is given once, here or in a graph around", "rename the output and what reads it"),
    "SDX-C105": ("what a node reads is made before it", "sort the nodes, or correct the name"),
    "SDX-C106": ("a graph returns what it makes or takes itself", "correct the name, or return Identity of the value"),
    "SDX-C108": ("a name stands for one constant", "rename or remove all but one"),
    "SDX-C111": (
        "a model says in which version of the format it is written",
        "set ir_version to a version that exists",
    ),
    "SDX-C112": ("since IR version 3 a model imports operator sets, before it imports none", "correct opset_import"),
    "SDX-C113": ("versions of operator sets are small positive numbers", "import an existing version"),
    "SDX-C115": ("the domain of each operator is imported", "add the domain to opset_import"),
    "SDX-C116": ("no such operator exists in the imported version", "correct the name or the imported version"),
    "SDX-C117": (
        "a deprecated operator may not be used",
        "convert the model with sx.convert_version, which replaces it",
    ),
    "SDX-C118": ("a key of the metadata stands for one value", "remove all but one"),
    "SDX-C121": ("it computes nothing", "remove the node"),
    "SDX-C122": ("a node has as many inputs as its operator takes", "give or remove inputs"),
    "SDX-C123": ("a node has as many outputs as its operator gives", "name or remove outputs"),
    "SDX-C124": ("the input is not optional", "connect it"),
    "SDX-C125": ("the output is not optional", "name it"),
    "SDX-C131": ("a node has only attributes of its operator, or private ones (__name)", "correct or remove it"),
    "SDX-C132": ("the operator declares the kind of each attribute", "set the attribute again with that kind"),
    "SDX-C133": ("the operator requires the attribute", "set it"),
    "SDX-C135": ("since IR version 2 an attribute has a name and says its kind", "set the attribute again"),
    "SDX-C136": ("an attribute has one value, of the kind it says, or refers to another", "set the attribute again"),
    "SDX-C137": ("of two values nobody knows which one is meant", "remove all but one"),
    "SDX-C141": (
        "callers learn from the interface what to give and what they get",
        "set the type, or run sx.infer_shapes",
    ),
    "SDX-C151": ("no node could call it", "set the function's name"),
    "SDX-C152": ("an attribute of a function stands for one value", "remove all but one"),
    "SDX-C153": ("the operator changed between the two versions", "convert model and functions to one opset"),
    "SDX-C154": ("a function that calls itself never ends", "write a Loop"),
    "SDX-C157": ("a call names the domain of its function", "state the function's domain, which may be empty"),
    "SDX-C158": ("an output stands for one value", "return Identity of it for the second"),
    "SDX-C159": ("checkers refuse models beyond this limit", "inline functions, or remove those that nothing calls"),
    "SDX-C160": ("a call must mean one function", "rename one of the two, or give it another overload"),
    "SDX-C161": (
        "before IR version 4 every constant is an input too",
        "raise ir_version to 4 or more, or add the input",
    ),
    "SDX-C162": ("a constant has an element type, and extents that can be counted", _DAMAGED),
    "SDX-C163": ("a constant holds as many elements as its type and shape say", _DAMAGED),
    "SDX-C165": ("a sparse constant has one place per value, inside its shape, in ascending order", _DAMAGED),
    "SDX-C166": ("the data of a constant lies in the one field that its element type uses", _DAMAGED),
    "SDX-C171": ("external data lies in the model's folder or below it", "save the model again"),
    "SDX-C172": (
        "the file must be there, and be a plain file inside the folder",
        "copy the data file beside the model",
    ),
}
