r"""
================
Read the experts
================

A model of experts is a sum over the experts that a row is routed to, and of each linear
expert a sum over the features,

.. math:: F_c(x) = \sum_k g_k(x) \Bigl(\sum_j w_{kcj} x_j + b_{kc}\Bigr).

So it can be read: where the experts are, how rows are divided, what each expert goes
by, and why a row gets its answer. Rows are printed letters, 16 numbers each (UCI
LETTER).
"""

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import L1SVC, PartitionedExpertsClassifier
from skexperts.datasets import load_letter
from skexperts.inspection import (
    CoefficientDisplay,
    ExpertMapDisplay,
    RoutingDisplay,
    expert_report,
    explain,
)

X_train, y_train = load_letter(subset="train", return_X_y=True, as_frame=True)
X_test, y_test = load_letter(subset="test", return_X_y=True, as_frame=True)

one = make_pipeline(StandardScaler(), L1SVC())
model = make_pipeline(
    StandardScaler(), PartitionedExpertsClassifier(n_experts=24, random_state=0)
)
print(f"one linear model   {one.fit(X_train, y_train).score(X_test, y_test):.1%}")
print(f"24 linear experts  {model.fit(X_train, y_train).score(X_test, y_test):.1%}")

# %%
# Where are they?
# ---------------
# Rows in the plane of their two principal components, with the colour of the expert of
# their first choice, and the most frequent letter of each expert:

_ = ExpertMapDisplay.from_estimator(model, X_test, y_test, annotate="class")

# %%
# Who serves what?
# ----------------
# Letters that look alike have experts in common.

_ = RoutingDisplay.from_estimator(model, X_test, y_test, kind="confusion")

# %%
# How many experts does a row consult, and are some of them idle?

_, axes = plt.subplots(ncols=2, figsize=(12, 3.6), layout="constrained")
RoutingDisplay.from_estimator(model, X_test, kind="entropy", ax=axes[0])
_ = RoutingDisplay.from_estimator(model, X_test, kind="load", ax=axes[1])

# %%
# What do they go by?
# -------------------
# Features that all experts use are on top.

_ = CoefficientDisplay.from_estimator(model)

# %%
# A table of the experts: an expert that is better in its own region than outside has
# found something there.

report = expert_report(model, X_test, y_test, n_top=3)
columns = ["n_train", "n_nonzero", "score_in", "score_out", "top_features"]
report[columns].head(8).round(2)

# %%
# Why this answer?
# ----------------
# For one row, the experts it is routed to, and what each feature adds. The terms add up
# to the answer.

why = explain(model, X_test.iloc[:1])
print(f"The letter is {y_test.iloc[0]}.")
print(why)
error = abs(why.to_frame().groupby("output").contribution.sum() - why.value).max()
print(f"largest difference of a sum of terms from the answer: {error:.1e}")
plt.show()
