"""What all displays promise: axes, figures, errors, and models of every kind."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from skexperts import (
    AlphaCombinerClassifier,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SparseCoder,
)
from skexperts.inspection import (
    AlphaDisplay,
    CoefficientDisplay,
    DictionaryDisplay,
    ExpertMapDisplay,
    RoutingDisplay,
)


@pytest.fixture(scope="module")
def coder(wine):
    return SparseCoder(6, dictionary="sample", random_state=0).fit(wine[0])


@pytest.fixture(
    params=["map", "load", "entropy", "overlap", "confusion", "coef", "atoms", "alpha"]
)
def draw(request, wine, sharing, coder):
    """Make one of the displays, with the arguments given."""
    X, y = wine
    if request.param == "map":
        return lambda **more: ExpertMapDisplay.from_estimator(sharing, X, y, **more)
    if request.param == "coef":
        return lambda **more: CoefficientDisplay.from_estimator(sharing, **more)
    if request.param == "alpha":
        return lambda **more: AlphaDisplay.from_estimator(sharing, **more)
    if request.param == "atoms":
        return lambda **more: DictionaryDisplay.from_estimator(coder, X, **more)
    kind = request.param
    return lambda **more: RoutingDisplay.from_estimator(
        sharing, X, y, kind=kind, **more
    )


def test_a_display_makes_one_figure_and_can_be_drawn_again(draw):
    display = draw()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_.figure is display.figure_
    display.figure_.draw_without_rendering()

    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first
    assert len(plt.get_fignums()) == 2


def test_given_axes_are_drawn_on(draw):
    figure, axes = plt.subplots(1, 2, layout="constrained")
    display = draw(ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    figure.draw_without_rendering()


def test_artist_kwargs_reach_the_artists(draw):
    display = draw(artist_kwargs={"alpha": 0.125})
    artists = [
        artist
        for ax in display.figure_.axes
        for artist in [*ax.images, *ax.patches, *ax.collections]
    ]
    assert 0.125 in [artist.get_alpha() for artist in artists]


def test_without_matplotlib_the_extra_is_named(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skexperts\[plot\]"'):
        draw()


@pytest.mark.parametrize(
    "draw_model",
    [
        lambda model, X: ExpertMapDisplay.from_estimator(model, X),
        lambda model, X: RoutingDisplay.from_estimator(model, X),
        lambda model, X: CoefficientDisplay.from_estimator(model),
        lambda model, X: AlphaDisplay.from_estimator(model),
        lambda model, X: DictionaryDisplay.from_estimator(model),
    ],
)
@pytest.mark.parametrize(
    "model",
    [
        PartitionedExpertsClassifier(),
        GatedExpertsClassifier(),
        make_pipeline(SparseCoder(), PartitionedExpertsClassifier()),
    ],
)
def test_a_model_that_is_not_fitted(draw_model, model, wine):
    with pytest.raises(NotFittedError):
        draw_model(model, wine[0])
    assert not plt.get_fignums()


def test_a_model_of_another_kind(wine):
    X, y = wine
    other = LogisticRegression().fit(X, y)
    with pytest.raises(TypeError, match="LogisticRegression routes no rows"):
        RoutingDisplay.from_estimator(other, X)
    with pytest.raises(TypeError, match="routes no rows"):
        ExpertMapDisplay.from_estimator(make_pipeline(other).fit(X, y), X)
    with pytest.raises(TypeError, match="has no weights alpha_"):
        AlphaDisplay.from_estimator(other)
    with pytest.raises(TypeError, match="has no atoms to look at"):
        DictionaryDisplay.from_estimator(other)
    assert not plt.get_fignums()


def test_an_alpha_that_is_a_penalty_is_no_weight(gated, wine):
    with pytest.raises(TypeError, match="GatedExpertsClassifier has no weights"):
        AlphaDisplay.from_estimator(gated)
    combiner = AlphaCombinerClassifier([("one", LogisticRegression(max_iter=500))])
    assert AlphaDisplay.from_estimator(combiner.fit(*wine)).alpha.tolist() == [1.0]
    X, y = wine
    ridge = RidgeCV(alpha_per_target=True).fit(X, np.column_stack([y, -y]))
    with pytest.raises(TypeError, match="RidgeCV has no weights"):
        AlphaDisplay.from_estimator(ridge)
