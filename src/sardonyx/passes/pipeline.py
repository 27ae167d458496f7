"""The passes a model goes through, as one list in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sardonyx.core.errors import InputError
from sardonyx.ir import Model
from sardonyx.passes.branches import inline_branches
from sardonyx.passes.clean import dead_code
from sardonyx.passes.contract import Pass, Work, rules_pass
from sardonyx.passes.fold import fold_constants
from sardonyx.passes.inline import inline_functions
from sardonyx.passes.rules import (
    activation,
    attention,
    contrib,
    contrib_embed,
    contrib_layers,
    contrib_nn,
    contrib_norm,
    contrib_states,
    elementwise,
    linalg,
    nn,
    norm,
    quant,
    shape,
)
from sardonyx.passes.share import share
from sardonyx.passes.upgrade import upgrade
from sardonyx.rewrite import Trace

__all__ = ["PIPELINE", "Stage", "optimize", "run_pipeline", "stages"]


@dataclass(frozen=True)
class Stage:
    """A pass, and the level from which it is part of the pipeline: 1 cleans up, 2 fuses."""

    level: int
    apply: Pass

    @property
    def name(self) -> str:
        return self.apply.name


def _again(pass_: Pass, name: str) -> Pass:
    """The same pass, at a later place."""
    return Pass(name, pass_.law, pass_.apply, pass_.requires, pass_.ensures)


NEWEST = ["newest opset"]

PIPELINE: tuple[Stage, ...] = (
    Stage(1, inline_functions),
    Stage(1, upgrade),
    Stage(1, _again(inline_functions, "inline-upgraded-functions")),
    Stage(1, dead_code),
    Stage(1, fold_constants),
    Stage(1, inline_branches),
    Stage(1, rules_pass("drop-no-ops", [*elementwise.NO_OPS, *shape.VIEWS], requires=NEWEST)),
    Stage(1, share),
    Stage(1, rules_pass("sink-transposes", [*shape.SINKS, *shape.VIEWS], requires=NEWEST)),
    Stage(
        2,
        rules_pass(
            "say-in-standard-operators",
            [
                *contrib.CONTRIB,
                *contrib_embed.EMBEDDINGS,
                *contrib_layers.LAYERS,
                *contrib_nn.WINDOWS,
                *contrib_norm.GROUPS,
                *contrib_states.STATES,
            ],
            requires=NEWEST,
        ),
    ),
    Stage(2, _again(share, "share-what-was-said")),
    Stage(2, rules_pass("multiply-bytes", quant.QUANT, requires=NEWEST)),
    Stage(2, rules_pass("fold-into-contractions", [*nn.FOLDS, *linalg.PRODUCTS], requires=NEWEST)),
    Stage(2, rules_pass("fuse-norms", norm.NORMS, requires=NEWEST)),
    Stage(2, rules_pass("fuse-activations", activation.ACTIVATIONS, requires=NEWEST)),
    Stage(2, rules_pass("fuse-attention", [*attention.ATTENTION, *shape.VIEWS], requires=NEWEST)),
    Stage(1, _again(fold_constants, "fold-what-became-constant")),
    Stage(1, _again(dead_code, "dead-code-at-last")),
)


# What a model with a Gradient node goes through: the node speaks of others by name, so they must stay.
PREPARATIONS = (inline_functions, upgrade)


def _names_others(model: Model) -> bool:
    return any(node.op_type == "Gradient" for graph in model.graphs() for node in graph.walk())


def stages(level: int = 2) -> list[Stage]:
    """The stages of a level, in order."""
    return [stage for stage in PIPELINE if stage.level <= level]


def run_pipeline(
    work: Work, level: int = 2, *, stop: int | str | None = None, after: Callable[[Stage, bool], None] | None = None
) -> Work:
    """Transform the model of `work` in place.

    Args:
        stop: the number of stages to run, or the name of the last one: to find out which stage breaks a model.
        after: called behind each stage with whether it changed anything.
    """
    chosen = stages(level)
    if isinstance(stop, str):
        names = [stage.name for stage in chosen]
        if stop not in names:
            raise InputError(f"there is no pass '{stop}'", why=f"level {level} has {', '.join(names)}")
        stop = names.index(stop) + 1
    whole = _names_others(work.model)
    for stage in chosen[:stop]:
        if whole and stage.apply not in PREPARATIONS:
            continue
        modified = stage.apply(work)
        if after is not None:
            after(stage, modified)
    return work


def optimize(model: Model, level: int = 2, *, stop: int | str | None = None, trace: Trace | None = None) -> Model:
    """A copy of `model` that computes the same with less work, in the newest operator-set version.

    Every rewrite is exact, or its error is that of float32 rounding and held to a tolerance by a test.

    Args:
        level: 0 changes nothing, 1 cleans up (constants, dead and common code, no-ops), 2 also fuses.
        stop: the number of passes to run, or the name of the last one; `sardonyx.passes.stages(level)` lists them.
        trace: collects what each rule did, and why it refused.

    Raises:
        InputError: there is no such level or pass.
        VersionError: a node of an old version cannot be expressed in the newest one.
    """
    if level not in (0, 1, 2):
        raise InputError(f"there is no level {level!r}", fix="use 0, 1 or 2")
    work = Work(model.clone(), trace)
    return run_pipeline(work, level, stop=stop).model
