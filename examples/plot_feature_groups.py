r"""
====================================
Which group of measurements matters?
====================================

Here the *features* are split into groups, not the rows: each expert sees every row and
one group of columns, and the answer is

.. math:: F(x) = \sum_k \alpha_k f_k(x_{G_k}), \qquad \alpha_k \ge 0, \quad
   \sum_k \alpha_k = 1,

with :math:`\alpha` learned out of fold. It says which groups matter. Rows are 569
tumours of the breast, benign or malignant. Ten measurements of the nuclei of their
cells are given by three numbers each: the mean, the standard error, and the worst.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import (
    AlphaCombinerClassifier,
    FeatureGroups,
    PartitionedExpertsClassifier,
)
from skexperts.inspection import AlphaDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
linear = make_pipeline(StandardScaler(), LogisticRegression())

# %%
# Groups by name
# --------------
# By the kind of number there are 3 groups of 10 columns; by what is measured, 10 groups
# of 3.

measurements = [name.removeprefix("mean ") for name in X.columns[:10]]
groups = {
    "kind of number": {
        "mean": [f"mean {name}" for name in measurements],
        "error": [f"{name} error" for name in measurements],
        "worst": [f"worst {name}" for name in measurements],
    },
    "measurement": {
        name: [f"mean {name}", f"{name} error", f"worst {name}"]
        for name in measurements
    },
}


def experts_on(groups, combiner=None):
    return PartitionedExpertsClassifier(
        linear, partitioner=FeatureGroups(groups), combiner=combiner, random_state=0
    )


combiner = AlphaCombinerClassifier()
models = {
    "one model of all columns": linear,
    "3 random groups": experts_on(3, combiner),
}
for name, named in groups.items():
    columns = list(named.values())
    models[f"{name}, equal weights"] = experts_on(columns)
    models[f"{name}, learned alpha"] = experts_on(columns, combiner)
cv = StratifiedKFold(shuffle=True, random_state=0)
for name, model in models.items():
    scores = cross_validate(model, X, y, cv=cv, scoring=["accuracy", "neg_log_loss"])
    hits, loss = scores["test_accuracy"].mean(), -scores["test_neg_log_loss"].mean()
    print(f"{name:<30} accuracy {hits:.1%}  log loss {loss:.3f}")

# %%
# A single model of all columns has the best probabilities: groups cannot make up for
# what two of them say together. Learned weights lower the log loss, which is what they
# are learned for, next to equal ones. Of ten groups they keep few, and a vote of ten
# hits a few more rows than these.
#
# What alpha says
# ---------------
# The worst numbers say nearly all; of the measurements it is the perimeter and the
# concave points. A weight of zero does not say that a group knows nothing, but that the
# others know it too: the radius and the area are nearly the perimeter.

_, axes = plt.subplots(ncols=2, figsize=(11, 4), layout="constrained")
for ax, (name, named) in zip(axes, groups.items(), strict=True):
    model = models[f"{name}, learned alpha"].fit(X, y)
    AlphaDisplay(alpha=model.alpha_, names=list(named), kind="expert").plot(ax)
    ax.set(title=f"groups by {name}", ylabel="")
plt.show()
