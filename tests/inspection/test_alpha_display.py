"""Bars of combination weights."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skexperts import AlphaCombinerClassifier
from skexperts.inspection import AlphaDisplay


def named(**parameters):
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    members = [("bayes", GaussianNB()), ("gone", "drop"), ("tree", tree)]
    members.append(("constant", DummyClassifier()))
    return AlphaCombinerClassifier(members, **parameters)


def test_named_estimators_keep_their_order(wine):
    combiner = named().fit(*wine)
    display = AlphaDisplay.from_estimator(combiner)
    assert display.names == ["bayes", "tree", "constant"]
    np.testing.assert_array_equal(display.alpha, combiner.alpha_)
    widths = [bar.get_width() for bar in display.ax_.patches]
    np.testing.assert_array_equal(widths, combiner.alpha_)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == display.names
    assert display.duality_gap == combiner.duality_gap_
    assert display.ax_.get_title() == f"duality gap {combiner.duality_gap_:.2g}"


def test_a_given_alpha_has_no_duality_gap(wine):
    display = AlphaDisplay.from_estimator(named(alpha=[0.5, 0.3, 0.2]).fit(*wine))
    assert display.alpha.tolist() == [0.5, 0.3, 0.2]
    assert display.duality_gap is None
    assert display.ax_.get_title() == ""


def test_experts_are_sorted(sharing):
    display = AlphaDisplay.from_estimator(sharing)
    assert sorted(display.names) == ["0", "1", "2"]
    assert (np.diff(display.alpha) <= 0).all()
    order = [int(name) for name in display.names]
    np.testing.assert_array_equal(display.alpha, sharing.alpha_[order])
