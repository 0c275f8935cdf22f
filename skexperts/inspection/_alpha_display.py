"""A picture of learned combination weights."""

import numpy as np

from skexperts.inspection._model import input_names, split_pipeline
from skexperts.inspection._plotting import BAR, MARK, label_ticks, new_axes
from skexperts.inspection._routing import expert_labels

# Bars that have room for their values.
_MOST_VALUES = 30


class AlphaDisplay:
    r"""The weights :math:`\alpha` on the simplex of a convex combination.

    :math:`\alpha_k \ge 0` and :math:`\sum_k \alpha_k = 1`, for named estimators or for
    the experts of a model with a `combiner`. Those of experts are sorted. The title
    gives the duality gap, a bound on how much lower the loss of other weights could be.

    Use :meth:`from_estimator` to make a display of a fitted model.

    Parameters
    ----------
    alpha : ndarray of shape (n_estimators,)
        The weights, in the order in which they are drawn.

    names : list of str
        Names of the estimators, or of the experts.

    kind : {"estimator", "expert"}
        What is combined.

    duality_gap : float, default=None
        The duality gap of alpha, None if it is not known.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.

    figure_ : matplotlib Figure
        The figure they are in.

    See Also
    --------
    skexperts.combine.AlphaCombinerClassifier : Learns the weights of classifiers.
    skexperts.combine.AlphaCombinerRegressor : Learns the weights of regressors.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skexperts.combine import AlphaCombinerClassifier
    >>> from skexperts.inspection import AlphaDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    >>> combiner = AlphaCombinerClassifier([("bayes", GaussianNB()), ("tree", tree)])
    >>> display = AlphaDisplay.from_estimator(combiner.fit(X, y))
    >>> display.names
    ['bayes', 'tree']
    >>> plt.close("all")
    """

    def __init__(self, *, alpha, names, kind, duality_gap=None):
        self.alpha = alpha
        self.names = names
        self.kind = kind
        self.duality_gap = duality_gap

    def plot(self, ax=None, *, artist_kwargs=None):
        """Draw a bar for every weight, and a line at equal weights.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.barh``.

        Returns
        -------
        self : AlphaDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n = len(self.alpha)
        ax = new_axes(self, ax, (5.6, np.clip(1.3 + 0.28 * n, 2.2, 9.0)))
        positions = np.arange(n)
        bars = ax.barh(positions, self.alpha, **{"color": BAR, **(artist_kwargs or {})})
        equal = 1 / n
        ax.axvline(
            equal, color=MARK, linestyle="--", label=f"equal weights ({equal:.3g})"
        )
        if n <= _MOST_VALUES:
            texts = [f"{value:.3f}" if value else "0" for value in self.alpha]
            ax.bar_label(bars, texts, padding=3, fontsize="small")
        ax.set(xlabel="alpha", ylabel=self.kind, ylim=(n - 0.4, -0.6))
        ax.margins(x=0.12)
        ax.set_xlim(left=0)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize="small")
        label_ticks(ax, "y", self.names)
        if self.duality_gap is not None:
            ax.set_title(f"duality gap {self.duality_gap:.2g}", fontsize="medium")
        return self

    @classmethod
    def from_estimator(cls, model, *, ax=None, artist_kwargs=None):
        """Draw the weights of a fitted model.

        Parameters
        ----------
        model : fitted estimator
            :class:`~skexperts.combine.AlphaCombinerClassifier` or
            :class:`~skexperts.combine.AlphaCombinerRegressor`, partitioned experts
            with a `combiner`, or a pipeline that ends with one of them.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.barh``.

        Returns
        -------
        display : AlphaDisplay

        Raises
        ------
        TypeError
            If the model has no weights alpha.
        NotFittedError
            If the model is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        front, last = split_pipeline(model)
        named = hasattr(last, "named_estimators_")
        if not hasattr(last, "alpha_") or not (named or hasattr(last, "experts_")):
            raise TypeError(
                f"{type(last).__name__} has no weights alpha_ to draw. Pass an "
                "AlphaCombiner, or partitioned experts that were fitted with "
                "combiner=AlphaCombinerClassifier() or AlphaCombinerRegressor()."
            )
        alpha = last.alpha_
        if named:
            used = last.named_estimators_.items()
            names = [name for name, member in used if not isinstance(member, str)]
            display = cls(
                alpha=alpha,
                names=names,
                kind="estimator",
                duality_gap=_finite(last.duality_gap_),
            )
        else:
            order = np.argsort(-alpha, kind="stable")
            names = expert_labels(last, input_names(front, last))
            display = cls(
                alpha=alpha[order], names=[names[k] for k in order], kind="expert"
            )
        return display.plot(ax, artist_kwargs=artist_kwargs)


def _finite(gap):
    return float(gap) if np.isfinite(gap) else None
