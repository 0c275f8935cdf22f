"""
=====================================
Sparse codes into experts: digits
=====================================

Images are written as sparse sums of learned atoms, ``min ||x - D' s||^2 / 2 + alpha
||s||_1``, and the codes ``s`` go into a network of experts that gives class probabilities:
linear experts, or small neural networks. Rows are 8 x 8 images of digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from skexperts import (
    GatedExpertsClassifier,
    L1SVC,
    PartitionedExpertsClassifier,
    SparseCoder,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
coder = SparseCoder(128, alpha=0.1, random_state=0)

# %%
# Experts of three kinds on the same codes
# ----------------------------------------
# The baseline is one linear model of the pixels.

network = MLPClassifier((32,), max_iter=300, random_state=0)
models = {
    "logistic regression on pixels": LogisticRegression(max_iter=2000),
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
# Class probabilities of the gated experts for three digits of the test set:

model = models["16 gated experts on codes"]
for row, digit in zip(model.predict_proba(X_test[:3]), y_test, strict=False):
    print(digit, row.round(2))
