r"""
===========================================
Few features, sigmoid gates, shared weights
===========================================

First a few features are kept: by statistics (t-test, logistic regression), by a graph
of their correlations (PageRank, betweenness) or by clusters (k-means, DBSCAN). What is
kept passes the gates of the experts,

.. math:: g_k(x) = \operatorname{sigmoid}(w_k^\top x + b_k),

of which the ``top_k`` largest are open. Gates begin at uniform or Gaussian weights, and
are learned together with the experts, which share one of them. Rows are 8 x 8 images of
digits.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import GatedExpertsClassifier, SparseFeatureSelector

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=500, stratify=y, random_state=0
)


def gated(**parameters):
    return GatedExpertsClassifier(
        n_experts=8, top_k=4, gate="sigmoid", shared=True, random_state=0, **parameters
    )


def accuracy(*steps):
    model = make_pipeline(*steps).fit(X_train, y_train)
    return model.score(X_test, y_test)


# %%
# All features
# ------------
# With 64 pixels gated experts gain a little over logistic regression, from either
# start.

linear = LogisticRegression(max_iter=1000)
print(f"64 pixels, logistic regression     {accuracy(StandardScaler(), linear):.1%}")
for init in ("uniform", "normal"):
    score = accuracy(StandardScaler(), gated(init=init))
    print(f"64 pixels, gated experts, {init:<8} {score:.1%}")

# %%
# Twenty features of each strategy
# --------------------------------
# The baseline is logistic regression on the same features. Gated experts are better on
# all six: few features are hard to separate by one linear model. The t-test, logistic
# regression and DBSCAN, which see the digits, keep most of the accuracy; k-means, which
# does not, keeps least.

strategies = ["t_test", "logistic", "pagerank", "betweenness", "kmeans", "dbscan"]
selectors = {
    strategy: SparseFeatureSelector(strategy, k=20, random_state=0)
    for strategy in strategies
}
scores = {}
print("strategy     logistic regression  gated experts")
for strategy, selector in selectors.items():
    baseline = accuracy(selector, StandardScaler(), linear)
    scores[strategy] = accuracy(selector, StandardScaler(), gated(init="uniform"))
    print(f"{strategy:<12} {baseline:19.1%}  {scores[strategy]:13.1%}")

# %%
# Which pixels are kept
# ---------------------
# Kept pixels are marked on the mean image. Relevance puts them where digits differ;
# k-means and DBSCAN spread them, as neighbours are correlated.

figure, axes = plt.subplots(2, 3, figsize=(8, 5.6), layout="constrained")
for ax, (strategy, selector) in zip(axes.flat, selectors.items(), strict=True):
    kept = selector.fit(X_train, y_train).get_support(indices=True)
    ax.imshow(X_train.mean(axis=0).reshape(8, 8), cmap="gray_r", vmax=20)
    ax.scatter(kept % 8, kept // 8, marker="s", s=120, color="C1", edgecolor="black")
    ax.set_title(f"{strategy}: {len(kept)} pixels, {scores[strategy]:.1%}")
    ax.set_axis_off()
plt.show()
