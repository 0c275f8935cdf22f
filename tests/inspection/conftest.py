"""Small fitted models to look at."""

import matplotlib.pyplot as plt
import pytest
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skexperts import (
    AlphaCombinerClassifier,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="session")
def wine_frame():
    return load_wine(return_X_y=True, as_frame=True)


@pytest.fixture(scope="session")
def partitioned(wine):
    return PartitionedExpertsClassifier(n_experts=4, top_k=2, random_state=0).fit(*wine)


@pytest.fixture(scope="session")
def sharing(wine):
    return PartitionedExpertsClassifier(
        n_experts=3,
        sharing="deviation",
        combiner=AlphaCombinerClassifier(),
        random_state=0,
    ).fit(*wine)


@pytest.fixture(scope="session")
def gated(wine):
    return GatedExpertsClassifier(5, shared=True, max_iter=3, random_state=0).fit(*wine)


@pytest.fixture(scope="session")
def pipeline(wine_frame):
    scaler = StandardScaler().set_output(transform="pandas")
    model = PartitionedExpertsClassifier(n_experts=4, top_k=2, random_state=0)
    return make_pipeline(scaler, model).fit(*wine_frame)
