"""The learned multinomial gate."""

from numbers import Integral, Real

import numpy as np

from skexperts._numeric.gates import softmax_weights
from skexperts._numeric.linear_gates import (
    cell_loss,
    competence_loss,
    fit_linear_gates,
    share_loss,
)
from skexperts._sklearn import Interval, StrOptions
from skexperts.gating._base import BaseLinearGate


class SoftmaxGate(BaseLinearGate):
    """A learned multinomial gate: softmax of one linear function of X per expert.

    The weights are ``g_k(x) = exp(z_k) / sum_j exp(z_j)`` with ``z_k = v_k'x + c_k``.
    With sample weights w_i, on columns scaled to standard deviation 1, the gate solves
    for ``target="cells"``, with k_i the cell of row i,::

        min over V, c of  1/2 |V|_F^2 - C sum_i w_i log g_{k_i}(x_i)

    which is multinomial logistic regression, and for ``target="competence"``, where
    t_ik is how well expert k serves row i, such as the probability it gives to the true
    class,::

        min over V, c of  1/2 |V - V_0|_F^2 - C sum_i w_i log sum_k g_k(x_i) t_ik

    the likelihood of a mixture of experts (Jacobs et al. 1991), as a function of the
    gate. V_0 is the linear gate that is nearest to the softmax of the affinity: what is
    not known of the competence is left to the partition.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty, positive. The smaller, the more experts share a
        row (cells), or the nearer is the gate to the partition (competence).

    target : {"cells", "competence"}, default="cells"
        What the gate learns: which cell a row is in, or which expert serves it well.

    tol : float, default=1e-4
        The descent ends when no entry of the gradient of the objective, divided by
        ``C sum_i w_i``, is larger.

    max_iter : int, default=1000
        Limit of the iterations of each descent.

    warm_start : bool, default=False
        Whether ``fit`` begins at the coefficients of the last one, if they are of the
        same shape. Rounds of an ensemble always do.

    Attributes
    ----------
    coef_ : ndarray of shape (n_cells_, n_features_in_)
        Coefficients, for X as given.

    intercept_ : ndarray of shape (n_cells_,)
        Intercepts.

    objective_ : float
        Value of the objective.

    n_iter_ : int
        Iterations of the descent; for ``target="competence"`` of the second one.

    n_cells_ : int
        Number of cells, one expert each.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had string column names.

    See Also
    --------
    SigmoidGate : One independent gate per expert.
    DistanceGate : Softmax of the affinity, nothing learned.

    Notes
    -----
    The problem for cells is convex. The one for competences is not; the descent begins
    at V_0, which minimises ``1/2 |V|_F^2 - sum_i w_i sum_k s_ik log g_k(x_i)`` with the
    softmax s of the affinity (equal shares for a row that no cell claims). Rows of cell
    -1 play no part in ``target="cells"``, rows of competence 0 throughout none in
    ``target="competence"``. Without any row to learn from, all weights are equal.

    The intercepts are not penalised. A cell without rows gets a weight near 0, as small
    as ``tol`` asks for. A column that is constant gets coefficient 0, equal columns get
    equal coefficients.

    An affinity of minus infinity closes an expert to a row: its weight is 0, and the
    others are normalised. A row to which all are closed gets weights 0, and the routing
    then shares it between all experts. Logits of any finite size are safe.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    M. I. Jordan, R. A. Jacobs (1994). Hierarchical mixtures of experts and the EM
    algorithm. Neural Computation 6(2).

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.gating import SoftmaxGate
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> affinity = -((X - [-1.5, 1.5]) ** 2)
    >>> gate = SoftmaxGate().fit(X, affinity, cells=np.array([0, 0, 1, 1]))
    >>> gate.gate_weights(X, affinity).round(2)
    array([[0.86, 0.14],
           [0.71, 0.29],
           [0.29, 0.71],
           [0.14, 0.86]])
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "target": [StrOptions({"cells", "competence"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
    }

    def __init__(
        self, C=1.0, *, target="cells", tol=1e-4, max_iter=1000, warm_start=False
    ):
        self.C = C
        self.target = target
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def _fit_gates(self, columns, weights, penalty, cells, competence, affinity):
        controls = self.tol, self.max_iter
        last = self._start(columns)
        zero = np.zeros((self.n_cells_, columns.X.shape[1] + 1))
        if competence is None:
            start = zero if last is None else last
            return fit_linear_gates(
                columns, weights, penalty, cell_loss, cells, start, *controls
            )
        soft = fit_linear_gates(
            columns,
            weights,
            penalty * self.C,
            share_loss,
            _shares(affinity),
            zero,
            *controls,
        )
        with np.errstate(divide="ignore"):
            logs = np.log(competence)
        return fit_linear_gates(
            columns,
            weights,
            penalty,
            competence_loss,
            logs,
            soft.table if last is None else last,
            *controls,
            center=soft.table[:, :-1],
        )

    def _link(self, logits, closed):
        logits[closed] = -np.inf
        return softmax_weights(logits, 1.0)


def _shares(affinity):
    """Softmax of the affinity; equal shares for a row that no cell claims."""
    shares = softmax_weights(affinity, 1.0)
    shares[~shares.any(axis=1)] = 1 / shares.shape[1]
    return shares
