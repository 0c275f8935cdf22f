"""
=================================
Sparse codes into experts: digits
=================================

Images are written as sparse sums of learned atoms, and the codes go into a network of
experts that gives class probabilities. An image x and its code s solve

.. math::

    \\min_s \\; \\tfrac12 \\|x - D^\\top s\\|^2 + \\alpha \\|s\\|_1,

where the rows of D, the atoms, are learned from the training images. The experts are
linear models, or small neural networks. Images are scikit-learn's digits, 8 x 8.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from skexperts import (
    L1SVC,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SparseCoder,
)
from skexperts.inspection import DictionaryDisplay, RoutingDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
coder = SparseCoder(128, alpha=0.1, random_state=0)

# %%
# Experts of three kinds on the same codes
# ----------------------------------------
# The baselines are one linear model, of the pixels and of the codes.

network = MLPClassifier((32,), learning_rate_init=0.01, tol=0.01, random_state=0)
models = {
    "logistic regression on pixels": LogisticRegression(max_iter=2000),
    "logistic regression on codes": make_pipeline(
        coder, LogisticRegression(max_iter=2000)
    ),
    "5 linear experts on codes": make_pipeline(
        coder,
        PartitionedExpertsClassifier(L1SVC(), n_experts=5, top_k=2, random_state=0),
    ),
    "5 neural experts on codes": make_pipeline(
        coder,
        PartitionedExpertsClassifier(network, n_experts=5, top_k=2, random_state=0),
    ),
    "16 gated experts on codes": make_pipeline(
        coder, GatedExpertsClassifier(n_experts=16, random_state=0)
    ),
}
for name, model in models.items():
    accuracy = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"{name:<30} {accuracy:.1%}")

# %%
# Class probabilities of the gated experts for three digits of the test set, in per
# cent:

model = models["16 gated experts on codes"]
for row, digit in zip(model.predict_proba(X_test[:3]), y_test, strict=False):
    print(f"a {digit}:", *(f"{value:5.1f}" for value in 100 * row))

# %%
# What the atoms are
# ------------------
# The atoms in the order of their use: strokes and arcs at their places. A digit is a
# sum of few of them.

fitted = model[0]
codes = fitted.transform(X_test)
print(f"atoms in a digit: {codes.nnz / len(X_test):.1f} of {fitted.n_components}")
DictionaryDisplay.from_estimator(fitted, X_test, image_shape=(8, 8), max_atoms=48)

# %%
# One digit and the largest parts of its sum:

row = codes[[0]].toarray()[0]
order = np.argsort(-np.abs(row))[:6]
pictures = {"image": X_test[0], f"sum of {codes[[0]].nnz}": row @ fitted.components_}
pictures |= {f"{row[j]:+.2f} x atom {j}": row[j] * fitted.components_[j] for j in order}
_, axes = plt.subplots(2, 4, figsize=(7, 3.8), layout="constrained")
for ax, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(picture.reshape(8, 8), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_title(title, fontsize="small")
    ax.set_axis_off()

# %%
# Who answers for which digit
# ---------------------------
# k-means of the codes made the cells, without the labels. Most are one digit or a few,
# and one has what is left:

RoutingDisplay.from_estimator(
    models["5 linear experts on codes"], X_test, y_test, kind="confusion"
)
