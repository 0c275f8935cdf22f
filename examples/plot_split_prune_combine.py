r"""
===============================
Split, train, prune and combine
===============================

The training data are split into five parts, at random or by clustering. An expert is
trained on each part, a traditional one (logistic regression) or a neural network. Then
the experts are made sparse: their small weights become zero. In the end models are
combined,

.. math:: y = \alpha y_1 + (1 - \alpha) y_2, \qquad 0 \le \alpha \le 1,

or :math:`y = \sum_k \alpha_k y_k` for all five experts, with :math:`\alpha` set by
hand, by cross-validation, or learned. Rows are 8 x 8 images of digits.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier

from skexperts import (
    AlphaCombinerClassifier,
    PartitionedExpertsClassifier,
    RandomPartitioner,
)
from skexperts.ensemble import prune_experts
from skexperts.inspection import AlphaDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=500, stratify=y, random_state=0
)
X_train, X_valid, y_train, y_valid = train_test_split(
    X_train, y_train, test_size=300, stratify=y_train, random_state=0
)


def accuracy(model):
    return model.score(X_test, y_test)


# %%
# Split the data, train an expert on each part
# --------------------------------------------
# The baselines are the same two models, trained on all rows. Random parts are a
# committee, whose experts have seen a fifth of the rows each. Clusters are regions,
# where a digit is told from fewer others.

experts = {
    "linear": LogisticRegression(max_iter=1000),
    "neural": MLPClassifier((32,), max_iter=300, learning_rate_init=0.01),
}
splits = {
    "random": RandomPartitioner(5, random_state=0),
    "k-means": KMeans(5, random_state=0),
}
models = {
    f"{kind}, {split}": PartitionedExpertsClassifier(
        expert, partitioner=partitioner, random_state=0
    ).fit(X_train, y_train)
    for kind, expert in experts.items()
    for split, partitioner in splits.items()
}
for kind, expert in experts.items():
    one = expert.set_params(random_state=0).fit(X_train, y_train)
    print(f"{kind}, one model of all rows   {accuracy(one):.1%}")
for name, model in models.items():
    print(f"{name:<15} 5 experts       {accuracy(model):.1%}")

# %%
# Make the experts sparse
# -----------------------
# By hand, the weights below a threshold go, or all but a share of the largest. Or rows
# that no expert was trained on choose the sparsest of 22 densities whose accuracy is
# within one standard error of the best.

model = models["linear, k-means"]
print("density  accuracy  (linear, k-means)")
for pruned in (
    model,
    prune_experts(model, threshold=0.1),
    prune_experts(model, density=0.3),
    prune_experts(model, X_valid, y_valid),
):
    density = getattr(pruned, "pruning_report_", {"density": 1.0})["density"]
    print(f"{density:7.0%}  {accuracy(pruned):8.1%}")

# %%
# All four models, from dense to empty. Stars are what the rows choose. More than half
# of the weights can go.

densities = np.geomspace(0.01, 1, 12)
sparse = {}
_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for (name, model), style in zip(models.items(), ["-", "--", "-.", ":"], strict=True):
    curve = [accuracy(prune_experts(model, density=d)) for d in densities]
    (line,) = ax.semilogx(densities, curve, style, label=name)
    sparse[name] = prune_experts(model, X_valid, y_valid)
    chosen = sparse[name].pruning_report_["density"]
    ax.plot(chosen, accuracy(sparse[name]), "*", markersize=14, color=line.get_color())
ax.set(xlabel="share of the weights that is kept", ylabel="accuracy on the test rows")
ax.grid(alpha=0.3)
_ = ax.legend(title="experts, split")

# %%
# Combine two models: a scalar alpha
# ----------------------------------
# The models are frozen, so that only :math:`\alpha` is left to find. It is found on the
# rows that the experts were not trained on, by their accuracy in the cross-validation,
# and by the log loss where it is learned.

pair = [
    ("linear", FrozenEstimator(models["linear, k-means"])),
    ("neural", FrozenEstimator(models["neural, k-means"])),
]
search = GridSearchCV(
    AlphaCombinerClassifier(pair), {"alpha": np.linspace(0, 1, 11)}, cv=5
)
combined = {
    "by hand": AlphaCombinerClassifier(pair, alpha=0.5).fit(X_valid, y_valid),
    "cross-validation": search.fit(X_valid, y_valid).best_estimator_,
    "learned": AlphaCombinerClassifier(pair, cv="prefit").fit(X_valid, y_valid),
}
for name, model in pair:
    print(f"{name + ' alone':<18}              {accuracy(model):.1%}")
for name, model in combined.items():
    print(f"{name:<18} alpha = {model.alpha_[0]:.2f} {accuracy(model):.1%}")

# %%
# Combine five experts: a vector alpha
# ------------------------------------
# Sparse neural experts of random parts answer for all rows, and are combined by five
# weights. Random parts are alike, so that equal weights are hard to beat. They are
# here: 300 rows say too little about which expert is better.

parts = [
    (f"part {k}", FrozenEstimator(expert))
    for k, expert in enumerate(sparse["neural, random"].experts_)
]
vector = AlphaCombinerClassifier(parts, cv="prefit").fit(X_valid, y_valid)
alone = [accuracy(expert) for _, expert in parts]
print(f"best expert alone {max(alone):.1%}")
print(f"equal weights     {accuracy(sparse['neural, random']):.1%}")
print(f"learned weights   {accuracy(vector):.1%}")
_ = AlphaDisplay.from_estimator(vector)
plt.show()
