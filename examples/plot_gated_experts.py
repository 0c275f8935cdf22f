r"""
=================================
Gate and experts, learned jointly
=================================

A linear gate chooses a few linear experts for a row and combines what they say,

.. math:: F(x) = \sum_k g_k(x) (W_k x + b_k), \qquad \sum_k g_k(x) = 1,

where the weights are the sigmoids of the largest logits :math:`v_k^\top x + c_k` over
the sum of these, or their softmax. Gate and experts minimise one loss by gradient
descent, with a penalty :math:`\alpha \lVert W \rVert_1` that makes coefficients exactly
zero. Rows are printed letters, 16 numbers each (UCI LETTER).
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skexperts import L1SVC, GatedExpertsClassifier
from skexperts.datasets import load_letter

X_train, y_train = load_letter(subset="train", return_X_y=True)
X_test, y_test = load_letter(subset="test", return_X_y=True)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
# Accuracy, and the numbers that it takes
# ---------------------------------------
# A support vector machine with a kernel is the baseline to beat; it reads all of its
# support vectors for every prediction.

linear = L1SVC().fit(X_train, y_train)
kernel = SVC(C=10).fit(X_train, y_train)
model = GatedExpertsClassifier(random_state=0).fit(X_train, y_train)
softmax = GatedExpertsClassifier(gate="softmax", random_state=0).fit(X_train, y_train)
models = {"linear": linear, "kernel": kernel, "gated": model, "softmax": softmax}
numbers = {
    "linear": np.count_nonzero(linear.coef_),
    "kernel": kernel.support_vectors_.size,
    "gated": model.coef_.size + model.gate_coef_.size,
    "softmax": softmax.coef_.size + softmax.gate_coef_.size,
}
accuracy = {name: other.score(X_test, y_test) for name, other in models.items()}
for name, score in accuracy.items():
    print(f"{name:<8} {score:.1%} with {numbers[name]:7,} numbers")

# %%
# With a quarter of the numbers the gated experts are as good as the kernel, and a
# little better with the softmax on these data.
#
# A path of zeros
# ---------------
# The stronger the penalty, the fewer coefficients are left. (15 instead of 40 passes
# over the rows, to save time.)

alphas = [3e-6, 1e-5, 3e-5, 1e-4, 3e-4]
shares, scores = [], []
for alpha in alphas:
    sparse = GatedExpertsClassifier(alpha=alpha, max_iter=15, random_state=0).fit(
        X_train, y_train
    )
    shares.append(np.count_nonzero(sparse.coef_) / sparse.coef_.size)
    scores.append(sparse.score(X_test, y_test))
    print(f"alpha {alpha:.0e}: {shares[-1]:4.0%} of the coefficients, {scores[-1]:.1%}")

_, (left, right) = plt.subplots(ncols=2, figsize=(11, 4), layout="constrained")
left.plot(shares, scores, "o-", label="gated experts")
for alpha, share, score in zip(alphas, shares, scores, strict=True):
    left.annotate(f"{alpha:.0e}", (share, score), (-4, -14), textcoords="offset points")
for name, style in {"kernel": "--", "linear": ":"}.items():
    left.axhline(accuracy[name], color="0.4", linestyle=style, label=f"{name} SVM")
left.set(xlabel="share of coefficients that are not zero", ylabel="accuracy")
left.margins(x=0.1)
left.legend()
right.plot(np.arange(1, len(model.loss_curve_) + 1), model.loss_curve_)
right.set(xlabel="pass over the rows", ylabel="mean loss", title="without penalty")
plt.show()
