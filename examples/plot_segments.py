r"""
===============================
What is different in segment 3?
===============================

The segments are known: a column names them. One convex problem gives a linear model
that all segments share, and for each segment a sparse deviation :math:`d_k` from it,

.. math:: \min \; \lVert w \rVert_1 + \lambda \sum_k \lVert d_k \rVert_1
   + C \sum_k \sum_{i \in k} \ell(y_i, (w + d_k)^\top x_i) .

What is different in a segment is its deviation. Rows are spoken digits, the segments
are the six people who speak, and the features are the loudness in 4 parts of the time
and 8 bands of frequency.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline

from skexperts import L1SVC, ColumnPartitioner, PartitionedExpertsClassifier
from skexperts.datasets import load_spoken_digits
from skexperts.inspection import CoefficientDisplay, expert_report


def read(subset):
    """Return the loudness with a column "speaker", and the digits."""
    digits = load_spoken_digits(subset=subset)
    blocks = digits.data.reshape(-1, 4, 3, 8, 2).mean(axis=(2, 4)).reshape(-1, 32)
    names = [f"time {i}, band {j}" for i in range(4) for j in range(8)]
    X = pd.DataFrame(blocks / 64 - 1, columns=names)
    X["speaker"] = digits.speaker
    return X, digits.target


X_train, y_train = read("train")
X_test, y_test = read("test")

# %%
# The answer, in a few lines
# --------------------------
# The column ``speaker`` names the segments; the experts do without it. In the report,
# ``-time 1, band 5 (2)`` says that loudness there and then speaks less for the digit 2
# than it does for the others.

model = PartitionedExpertsClassifier(
    L1SVC(C=0.3),
    partitioner=ColumnPartitioner("speaker", drop=True),
    gate="hard",
    sharing="deviation",
)
model.fit(X_train, y_train)
report = expert_report(model, X_test, y_test)
print(report.iloc[3].name, report.iloc[3].top_deviations, sep=": ")
print(report[["n_train", "score_in", "score_out", "n_nonzero", "n_deviations"]])

# %%
# ``score_in`` is the accuracy of an expert for its own speaker, ``score_out`` for the
# others. Rows of a speaker who is not known go to the shared model, "unclaimed".
#
# One model, a model each, or shared and different
# ------------------------------------------------
# The baselines are the two extremes. One model of all is too coarse, and a model for
# each speaker has a sixth of the rows.

separate = PartitionedExpertsClassifier(
    L1SVC(C=0.3), partitioner=ColumnPartitioner("speaker", drop=True), gate="hard"
)
for name, other in {
    "one model of all": make_pipeline(
        make_column_transformer(("drop", ["speaker"]), remainder="passthrough"),
        L1SVC(C=0.3),
    ),
    "a model for each": separate,
    "shared and different": model,
}.items():
    other.fit(X_train, y_train)
    print(f"{name:<20} {other.score(X_test, y_test):.1%}")

# %%
# All segments
# ------------
# Dark cells are sounds that tell digits apart for this speaker as for no other.

_ = CoefficientDisplay.from_estimator(model, kind="deviations", max_features=20)

# %%
# Segment 3, digit by digit: how much more (red) or less (blue) loudness at a time and
# in a band speaks for the digit if this speaker says it.

deviations = model.deviation_[3].toarray().reshape(10, 4, 8)
end = np.abs(deviations).max()
figure, axes = plt.subplots(2, 5, figsize=(9, 5.5), layout="constrained", sharey=True)
for ax, digit, image in zip(axes.flat, model.classes_, deviations, strict=True):
    drawn = ax.imshow(image.T, origin="lower", cmap="RdBu_r", vmin=-end, vmax=end)
    ax.set(title=str(digit), xticks=range(4))
figure.supxlabel("time")
figure.supylabel("band")
figure.colorbar(drawn, ax=axes, shrink=0.8)
plt.show()
