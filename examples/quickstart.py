"""
==========
Quickstart
==========

Recognise letters by many small sparse linear experts, each in its own region of the
data, and compare with one linear SVM and with a kernel SVM. The UCI LETTER data come
with the package: 16 features, 26 classes, 16000 rows for training and 4000 for testing.
"""

import time
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skexperts import GatedExpertsClassifier, PartitionedExpertsClassifier
from skexperts.datasets import load_letter

train = load_letter(subset="train")
test = load_letter(subset="test")


def active_numbers(model):
    """Count the non-zero numbers that a prediction of the model may read."""
    last = model[-1]
    if isinstance(last, SVC):
        return last.support_vectors_.size
    if isinstance(last, GatedExpertsClassifier):
        return np.count_nonzero(last.coef_) + np.count_nonzero(last.gate_coef_)
    experts = getattr(last, "experts_", [last])
    return sum(np.count_nonzero(getattr(expert, "coef_", 0)) for expert in experts)


# %%
# Fit and compare
# ---------------
# The experts are fitted two at a time. The result does not depend on how many.

models = {
    'LinearSVC(penalty="l1")': LinearSVC(penalty="l1", dual=False, random_state=0),
    'SVC(kernel="rbf", C=10)': SVC(C=10),
    "150 experts, hard routing": PartitionedExpertsClassifier(
        n_experts=150, gate="hard", n_jobs=2, random_state=0
    ),
    "150 experts, 4 for each row": PartitionedExpertsClassifier(
        n_experts=150, top_k=4, n_jobs=2, random_state=0
    ),
    "64 experts and gate, jointly": GatedExpertsClassifier(random_state=0),
}

print(f"{'LETTER, 4000 test rows':<28} accuracy   fit s   us a row   active numbers")
for name, classifier in models.items():
    model = models[name] = make_pipeline(StandardScaler(), classifier)
    start = time.perf_counter()
    with warnings.catch_warnings():
        # LinearSVC on all the data stops at its iteration limit.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train.data, train.target)
    fitted = time.perf_counter()
    accuracy = model.score(test.data, test.target)
    per_row = (time.perf_counter() - fitted) / len(test.data) * 1e6
    print(
        f"{name:<28} {accuracy:8.2%} {fitted - start:7.1f} {per_row:10.1f} "
        f"{active_numbers(model):16,}"
    )

# %%
# Read one expert
# ---------------
# Which features tell the letters of one region apart? Take the first test row, and the
# expert that has most to say about it.

model = models["150 experts, 4 for each row"]
experts = model[-1]
letter = str(test.target[0])
routing = experts.route(model[:-1].transform(test.data[:1]))
best = int(routing.indices[routing.data.argmax()])
expert = experts.experts_[best]
print(
    f"\nThe first test row is the letter {letter}. It is served by the experts "
    f"{routing.indices.tolist()} with weights {routing.data.round(2).tolist()}."
)
row = expert.coef_[list(expert.classes_).index(letter)]
top = np.argsort(-np.abs(row))[:5]
print(
    f"What tells {letter} from other letters in the region of expert {best}: "
    + ", ".join(f"{row[j]:+.2f} {train.feature_names[j]}" for j in top)
)

# %%
# See all experts
# ---------------
# Left: the regions in the plane of the two principal components, named by their most
# frequent letter. Right: how strongly each expert uses each feature.

try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    print('\nFor the picture install matplotlib: pip install "skexperts[plot]"')
else:
    plane = PCA(2).fit(model[:-1].transform(train.data))
    x, y = plane.transform(experts.partitioner_.cluster_centers_[experts.cells_]).T
    nearest = np.asarray(
        experts.route(model[:-1].transform(train.data)).argmax(axis=1)
    ).ravel()
    figure, (left, right) = plt.subplots(
        ncols=2, figsize=(13, 6), width_ratios=[1, 1.1], layout="constrained"
    )
    left.set(title="150 regions", xlabel="first component", ylabel="second component")
    left.scatter(x, y, s=np.bincount(nearest, minlength=len(x)), alpha=0.25)
    for k in range(len(x)):
        letters, counts = np.unique(train.target[nearest == k], return_counts=True)
        left.annotate(letters[counts.argmax()], (x[k], y[k]), ha="center", va="center")
    use = np.zeros((len(train.feature_names), len(x)))
    for k, one in enumerate(experts.experts_):
        use[:, k] = np.abs(getattr(one, "coef_", np.zeros((1, len(use))))).mean(axis=0)
    image = right.imshow(use, aspect="auto", cmap="magma", interpolation="nearest")
    right.set(
        title="mean |coefficient| of each feature in each expert", xlabel="expert"
    )
    right.set_yticks(range(len(use)), train.feature_names)
    figure.colorbar(image, ax=right)
    figure.savefig("quickstart.png", dpi=100)
    print("\nA picture of the experts is in quickstart.png.")
