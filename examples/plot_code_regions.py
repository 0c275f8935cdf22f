r"""
==========================================
Regions of sparse codes, an L1-SVM in each
==========================================

Rows are written sparsely, the sparse codes are clustered, and each cluster gets a
linear SVM of its own with an L1 penalty, whose margins :math:`W^\top s` decide. Codes
are those of the lasso or of the elastic net, either in the features themselves,

.. math:: \min_S \; \tfrac12 \lVert X - S \rVert_F^2 + \lambda \lVert S \rVert_1 ,

or in a learned dictionary D, :math:`\min \; \tfrac12 \lVert X - S D \rVert_F^2 +
\lambda \lVert S \rVert_1`. Clusters are those of k-means or of DBSCAN. Rows are 8 x 8
images of digits.
"""

import matplotlib.pyplot as plt
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skexperts import L1SVC, PartitionedExpertsClassifier, SparseCoder
from skexperts.inspection import ExpertMapDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=500, stratify=y, random_state=0
)

# %%
# Codes, clusters, experts
# ------------------------
# The baselines are one L1-SVM of the pixels or of the codes, and an SVM with a kernel.

coders = {
    "identity": SparseCoder(dictionary="identity", alpha=0.1),
    "lasso": SparseCoder(128, alpha=0.1, random_state=0),
    "elastic net": SparseCoder(
        128, method="elastic_net", l1_ratio=0.7, alpha=0.1, random_state=0
    ),
}
experts = {
    "no regions": L1SVC(),
    "k-means": PartitionedExpertsClassifier(
        L1SVC(), partitioner=KMeans(8), random_state=0
    ),
    "DBSCAN": PartitionedExpertsClassifier(
        L1SVC(),
        partitioner=DBSCAN(eps=1.3, min_samples=10),
        min_cell_size=5,
        random_state=0,
    ),
}
baselines = {"one L1-SVM of the pixels": L1SVC(), "kernel SVM of the pixels": SVC()}
for name, model in baselines.items():
    print(f"{name:<26}  {model.fit(X_train, y_train).score(X_test, y_test):.1%}")
models = {}
for codes, coder in coders.items():
    for cells, expert in experts.items():
        model = make_pipeline(coder, expert).fit(X_train, y_train)
        models[codes, cells] = model
        print(f"{codes:<13} {cells:<12}  {model.score(X_test, y_test):.1%}")

# %%
# Regions help codes of pixels most, which are nearly the pixels themselves: codes in a
# learned dictionary are easier to separate from the start. DBSCAN finds a few
# dense regions and one large one, and adds little. k-means on elastic net codes gets to
# the accuracy of the kernel SVM with sparse linear models.
#
# What decides about a row
# ------------------------
# With ``gate="hard"`` one expert answers, and its margins are :math:`W^\top s + b`.

model = make_pipeline(
    coders["lasso"],
    PartitionedExpertsClassifier(
        L1SVC(), partitioner=KMeans(8), gate="hard", random_state=0
    ),
).fit(X_train, y_train)
s = model[:-1].transform(X_test[:1])
k = model[-1].route(s).indices[0]
expert = model[-1].experts_[k]
margins = s @ expert.coef_.T + expert.intercept_
print(f"cell {k} has the digits {expert.classes_}")
print(f"{s.nnz} of {s.shape[1]} entries of the code are not zero")
print("W's + b     ", margins.ravel().round(3))
print("of the model", model.decision_function(X_test[:1])[0, expert.classes_].round(3))
print(f"predicted {model.predict(X_test[:1])[0]}, and it is a {y_test[0]}")

# %%
# The regions
# -----------
# Elastic net codes of the test rows in a plane, by k-means and by DBSCAN, whose noise
# is served by the nearest cells.

codes = models["elastic net", "k-means"][:-1].transform(X_test)
plane = PCA(2, svd_solver="arpack", random_state=0).fit(codes)
_, axes = plt.subplots(ncols=2, figsize=(12, 5), layout="constrained")
for ax, cells in zip(axes, ["k-means", "DBSCAN"], strict=True):
    model = models["elastic net", cells]
    ExpertMapDisplay.from_estimator(
        model, X_test, y_test, plane=plane, annotate="class", ax=ax
    )
    ax.set_title(f"{cells}: {model[-1].n_experts_} experts, named by their digit")
plt.show()
