"""Gated experts written without their kernels: routing, outputs and losses."""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.special import log_expit, log_softmax, softmax

from skexperts._numeric.gated_experts import GatedData, GatedExperts

LOSSES = [
    ("log_loss", 1),
    ("log_loss", 3),
    ("log_loss", 5),
    ("squared_hinge", 1),
    ("squared_hinge", 3),
    ("squared_hinge", 5),
    ("squared_error", 1),
    ("squared_error", 4),
    ("huber", 2),
    ("huber", 17),
]


def random_model(
    rng, n_features=3, n_outputs=2, n_experts=5, top_k=3, gate="softmax", **options
):
    options = {"shared": False, "dtype": np.float64} | options
    model = GatedExperts.zeros(
        n_features, n_outputs, n_experts, top_k=top_k, gate=gate, **options
    )
    model.lines[:] = rng.normal(size=model.lines.shape)
    return model


def random_data(rng, model, X, loss, *, weighted=True):
    n, c, dtype = X.shape[0], model.n_outputs, model.table.dtype
    labels = targets = None
    if loss in ("log_loss", "squared_hinge"):
        labels = rng.integers(max(c, 2), size=n).astype(np.int32)
    else:
        targets = rng.normal(size=(n, c)).astype(dtype)
    weights = rng.uniform(0.2, 2, size=n) if weighted else np.ones(n)
    return GatedData(X, labels, targets, weights.astype(dtype), np.zeros(n, dtype))


def plain_routing(model, X):
    """Return chosen experts and weights, one row after the other."""
    table = model.lines[: model.n_experts, model.n_outputs].astype(np.float64)
    logits = X @ table[:, :-1].T + table[:, -1]
    chosen = np.sort(np.argsort(-logits, kind="stable")[:, : model.top_k])
    logits = np.take_along_axis(logits, chosen, axis=1)
    if model.gate == "softmax":
        return chosen, softmax(logits, axis=1)
    return chosen, softmax(log_expit(logits), axis=1)


def plain_outputs(model, X):
    """Return combined outputs of all rows."""
    n = model.n_outputs
    lines = model.lines.astype(np.float64)
    said = np.einsum("ij,kcj->ikc", X, lines[:, :n, :-1]) + lines[:, :n, -1]
    chosen, weights = plain_routing(model, X)
    combined = np.einsum(
        "is,isc->ic", weights, np.take_along_axis(said, chosen[:, :, None], axis=1)
    )
    if len(lines) > model.n_experts:
        combined += said[:, -1]
    return combined


def plain_losses(F, data, loss, smoothing=0.0, delta=1.0):
    """Return the loss of each row, without weights."""
    n = F.shape[1]
    if data.labels is None:
        error = F - data.targets
        size = np.abs(error)
        linear = (loss == "huber") & (size > delta)
        return np.where(linear, delta * (size - delta / 2), error**2 / 2).sum(axis=1)
    if loss == "log_loss" and n == 1:
        target = np.where(data.labels, 1 - smoothing / 2, smoothing / 2)
        z = F[:, 0]
        return -target * log_expit(z) - (1 - target) * log_expit(-z)
    if n == 1:
        truth = data.labels[:, None] == 1
    else:
        truth = data.labels[:, None] == np.arange(n)
    if loss == "log_loss":
        target = (1 - smoothing) * truth + smoothing / n
        return -(target * log_softmax(F, axis=1)).sum(axis=1)
    return (np.maximum(0, 1 - np.where(truth, 1, -1) * F) ** 2).sum(axis=1)


def numerical_gradient(value, model, step=1e-6):
    """Differentiate ``value(model)`` in all lines of the model."""
    gradient = np.zeros_like(model.lines)
    for place in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            near = replace(model, table=model.table.copy())
            near.lines[place] += sign * step
            values.append(value(near))
        gradient[place] = (values[0] - values[1]) / (2 * step)
    return gradient


def lines_of(model, table):
    return replace(model, table=table).lines


def model_with_logits(logits, top_k, gate="softmax", dtype=np.float64):
    """Return a model and rows, of which row i has the i-th logits."""
    n_rows, n_experts = logits.shape
    model = GatedExperts.zeros(
        n_rows, 1, n_experts, top_k=top_k, gate=gate, shared=False, dtype=dtype
    )
    model.lines[:, 1, :-1] = logits.T
    model.lines[:, 0, -1] = 1
    return model, csr_array(np.eye(n_rows, dtype=dtype))
