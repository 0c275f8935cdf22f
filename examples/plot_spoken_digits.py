"""
========================================
Sparse codes into experts: spoken digits
========================================

Sound is written as a sparse sum of learned atoms, and the codes go into experts that
give class probabilities: spectrograms x of spoken digits are standardised and coded,

.. math::

    \\min_{s \\ge 0} \\; \\tfrac12 \\|x - D^\\top s\\|^2 + \\alpha \\|s\\|_1,

and linear experts, neural experts and experts with a learned gate answer for s.

The data are 3000 recordings of six speakers: the loudness in 16 bands of frequency at
12 times. There are two questions. Recordings of the same speakers are the official
test; a speaker whose voice was never heard, here Theo, is what a product meets.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skexperts import (
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SparseCoder,
)
from skexperts.datasets import load_spoken_digits
from skexperts.inspection import DictionaryDisplay

digits = load_spoken_digits()
X, y, theo = digits.data, digits.target, digits.speaker == "theo"
official = np.arange(len(X)) < 2700
splits = {"same speakers": (official, ~official), "a new speaker": (~theo, theo)}


def same_loudness(X):
    """Give each recording mean 0 and variance 1: microphones differ."""
    return (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)


# %%
# Three kinds of experts
# ----------------------
# All models see recordings of the same loudness, standardised.

front = [FunctionTransformer(same_loudness), StandardScaler()]
coder = SparseCoder(256, alpha=1.0, positive=True, random_state=0)
linear = LogisticRegression(C=0.1, max_iter=500)
network = MLPClassifier((64,), learning_rate_init=0.01, tol=0.01, random_state=0)
cells = {"n_experts": 5, "top_k": 3, "random_state": 0}
models = {
    "logistic regression": make_pipeline(*front, linear),
    "logistic regression on codes": make_pipeline(*front, coder, linear),
    "5 linear experts on codes": make_pipeline(
        *front, coder, PartitionedExpertsClassifier(linear, **cells)
    ),
    "5 neural experts on codes": make_pipeline(
        *front, coder, PartitionedExpertsClassifier(network, **cells)
    ),
    "8 gated experts on codes": make_pipeline(
        *front, coder, GatedExpertsClassifier(8, l2=0.01, random_state=0)
    ),
}
print(f"{'':<30}" + "".join(f"{name:>15}" for name in splits))
for name, model in models.items():
    scores = [
        model.fit(X[train], y[train]).score(X[test], y[test])
        for train, test in splits.values()
    ]
    print(f"{name:<30}" + "".join(f"{score:>15.1%}" for score in scores))

# %%
# With 300 test rows, or 500, a difference of a per cent is chance: codes and experts
# are as good as a linear model here, and not better. A new speaker is much harder, and
# hardest for the learned gate: regions that are found in five voices say little of a
# sixth. Experts help where new rows come from the regions of the training rows.
#
# The models of the last split have not heard Theo. What they say about his first three
# recordings, in per cent:

model = models["5 linear experts on codes"]
for row, digit in zip(model.predict_proba(X[theo][:3]), y[theo], strict=False):
    print(f"a {digit}:", *(f"{value:5.1f}" for value in 100 * row))

# %%
# Atoms of sound
# --------------
# Time runs downwards, frequency to the right.

DictionaryDisplay.from_estimator(
    model[:-1], X[theo], image_shape=digits.image_shape, max_atoms=40
)

# %%
# Which digits take which expert: one has most of the weight for all of them. These
# codes do not fall into clusters, so that many experts say no more than one model.

routing = model[-1].route(model[:-1].transform(X[~theo])).toarray()
new = model[-1].route(model[:-1].transform(X[theo])).toarray()
_, axes = plt.subplots(1, 2, figsize=(7.5, 4), layout="constrained", sharey=True)
for ax, weights, labels, title in (
    (axes[0], routing, y[~theo], "five speakers"),
    (axes[1], new, y[theo], "Theo"),
):
    share = np.array([weights[labels == digit].mean(axis=0) for digit in range(10)])
    image = ax.imshow(share, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    ax.set(title=title, xlabel="expert", yticks=range(10))
axes[0].set_ylabel("digit")
plt.colorbar(image, ax=axes, label="mean weight of the expert")
