r"""
=================
How many experts?
=================

``n_experts="auto"`` tries 1, 2, 4, ... by cross-validation and takes the smallest
number within one standard error of the best. On data that are made of eight regions,
each with a linear model of its own, it should find about eight; on the diabetes data,
where one linear model is as good, it should find one.
"""

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import PartitionedExpertsRegressor
from skexperts.datasets import make_piecewise_regression

made = make_piecewise_regression(
    2000, 10, n_regions=8, separation=8.0, noise=0.3, random_state=0
)
data = {"eight regions": made, "diabetes": load_diabetes(return_X_y=True)}


def experts(n_experts):
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=KMeans(n_init=10), n_experts=n_experts, random_state=0
    )
    return make_pipeline(StandardScaler(), model)


# %%
# The rule of one standard error
# ------------------------------
# The baselines are one linear model and boosted trees.

_, axes = plt.subplots(ncols=2, figsize=(11, 4), layout="constrained")
for ax, (name, (X, y)) in zip(axes, data.items(), strict=True):
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    auto = experts("auto").fit(X_train, y_train)
    chosen, scores = auto[-1].n_experts_, auto[-1].n_experts_scores_
    print(f"{name}: {chosen} of {scores['n_experts'].tolist()} experts")
    for title, model in {
        "one linear model": make_pipeline(StandardScaler(), Ridge()),
        "boosted trees": HistGradientBoostingRegressor(random_state=0),
        "8 experts": experts(8),
        "experts, auto": auto,
    }.items():
        model.fit(X_train, y_train)
        print(f"  {title:<16}  R2 {model.score(X_test, y_test):.3f}")
    best = scores["mean_score"].argmax()
    least = scores["mean_score"][best] - scores["std_error"][best]
    ax.errorbar(
        scores["n_experts"], scores["mean_score"], scores["std_error"], fmt="o-"
    )
    ax.axhline(least, color="0.4", linestyle="--", label="best minus a standard error")
    ax.axvline(chosen, color="C1", label=f"chosen: {chosen}")
    ax.set_xscale("log", base=2)
    ax.set_xticks(scores["n_experts"], scores["n_experts"])
    ax.set(title=name, xlabel="number of experts", ylabel="R2, cross-validated")
    ax.legend(loc="lower right")

# %%
# Together with other parameters
# ------------------------------
# A grid search tunes the number together with what it goes with. It takes the best, not
# the smallest that is as good.

X_train, X_test, y_train, y_test = train_test_split(*made, random_state=0)
grid = {
    "partitionedexpertsregressor__n_experts": [4, 8, 16],
    "partitionedexpertsregressor__top_k": [1, 4],
    "partitionedexpertsregressor__expert__alpha": [0.1, 10.0],
}
search = GridSearchCV(experts(8), grid, cv=3).fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"{name.removeprefix('partitionedexpertsregressor__')} = {value}")
print(f"R2 {search.score(X_test, y_test):.3f}")
plt.show()
