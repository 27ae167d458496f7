"""Losses of classifiers in terms of gathering and reducing."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body_of


@body_of("NegativeLogLikelihoodLoss", {12: 12, 13: 13, 22: 22})
def negative_log_likelihood_loss(call: Call) -> str:
    """Each sample's score of its class, negated and weighted; what is ignored weighs nothing."""
    element, ignored = call.element(0), call.attributes["ignore_index"]
    reduction = call.attributes["reduction"]
    add, drop = (
        ("Unsqueeze <axes = [1]> ({})", "Squeeze <axes = [1]> ({})")
        if call.opset < 13
        else ("Unsqueeze ({}, axis)", "Squeeze ({}, axis)")
    )
    steps = [
        "axis = Constant <value = int64[1] {1}> ()",
        "label = Cast <to = 7> (target)",
        "zero_i = Constant <value = int64[1] {0}> ()",
        "one_f = Constant <value = float[1] {1.0}> ()",
        f"one = Cast <to = {element}> (one_f)",
        "zero = Sub (one, one)",
    ]
    if ignored is not None:
        steps += [
            f"ignored = Constant <value = int64[1] {{{ignored}}}> ()",
            "skipped = Equal (label, ignored)",
            "safe = Where (skipped, zero_i, label)",
        ]
    else:
        steps.append("safe = Identity (label)")
    steps += [
        f"column = {add.format('safe')}",
        "picked = GatherElements <axis = 1> (input, column)",
        f"score = {drop.format('picked')}",
        "plain = Neg (score)",
    ]
    weighs = call.gives(2) or ignored is not None
    if call.gives(2):
        steps.append("of_class = Gather (weight, safe)")
    elif weighs:
        steps.append("counts = Shape (label)  of_class = Expand (one, counts)")
    if weighs:
        steps.append(
            "weights = Where (skipped, zero, of_class)" if ignored is not None else "weights = Identity (of_class)"
        )
        steps.append("each = Mul (plain, weights)")
    else:
        steps.append("each = Identity (plain)")
    if reduction == "none":
        steps.append("loss = Identity (each)")
    elif reduction == "sum":
        steps.append("loss = ReduceSum <keepdims = 0> (each)")
    elif weighs:
        steps += [
            "sum = ReduceSum <keepdims = 0> (each)",
            "weight_sum = ReduceSum <keepdims = 0> (weights)",
            "loss = Div (sum, weight_sum)",
        ]
    else:
        steps.append("loss = ReduceMean <keepdims = 0> (each)")
    return "\n".join(steps)


@body_of("SoftmaxCrossEntropyLoss", {12: 12, 13: 13})
def softmax_cross_entropy_loss(call: Call) -> str:
    """The loss of the scores' LogSoftmax over the classes, which is the second dimension."""
    ignored = "" if call.attributes["ignore_index"] is None else ", ignore_index: int = @ignore_index"
    weights = ", weights" if call.gives(2) else ""
    return f"""
    kept = Constant <value = int64[3] {{0, 0, -1}}> ()
    shape = Shape (scores)
    flat = Reshape (scores, kept)
    classes_last = Transpose <perm = [0, 2, 1]> (flat)
    logs = LogSoftmax <axis = 2> (classes_last)
    classes_back = Transpose <perm = [0, 2, 1]> (logs)
    log_scores = Reshape (classes_back, shape)
    output = NegativeLogLikelihoodLoss <reduction: string = @reduction{ignored}> (log_scores, labels{weights})
    {"log_prob = Identity (log_scores)" if call.wants(1) else ""}
    """
