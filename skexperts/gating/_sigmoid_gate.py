"""The learned gate with one sigmoid per expert."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skexperts._numeric.gates import open_gates
from skexperts._numeric.linear_gates import fit_linear_gates, sigmoid_loss
from skexperts._sklearn import Interval, StrOptions
from skexperts.gating._base import BaseLinearGate


class SigmoidGate(BaseLinearGate):
    """One learned sigmoid per expert, open above a threshold.

    The gate of expert k is ``s_k(x) = 1 / (1 + exp(-v_k'x - c_k))``; its weight is
    ``s_k(x)`` where that is above ``threshold``, else 0. Each gate is on its own: any
    number of them may be open for a row. With sample weights w_i and targets t_ik they
    solve, on columns scaled to standard deviation 1,::

        min over V, c of  1/2 |V|_F^2 + C sum_i w_i sum_k l(v_k'x_i + c_k, t_ik)

    with the log loss ``l(z, t) = log(1 + exp(z)) - t z``. For ``target="cells"``, t_ik
    is 1 for the cell of row i and 0 for the others. For ``target="competence"`` it is
    how well expert k serves row i, next to the best expert of the row.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty, positive.

    threshold : float, default=0.1
        A gate is open above this value, in [0, 1). At 0 all gates are open. Above 0.5
        few rows near a boundary are shared, as the gates of the cells of a row sum to
        about 1 for ``target="cells"``.

    target : {"cells", "competence"}, default="cells"
        What the gates learn: which cell a row is in, or which experts serve it well.

    init : {"uniform", "normal"}, default="uniform"
        Distribution of the coefficients that the descent starts from, with standard
        deviation at most ``1 / sqrt(n_features + 1)``. The problem is strictly convex
        in V, so that all starts lead to one solution, within ``tol``.

    tol : float, default=1e-4
        The descent ends when no entry of the gradient of the objective, divided by
        ``C sum_i w_i``, is larger.

    max_iter : int, default=1000
        Limit of the iterations.

    random_state : int, RandomState instance or None, default=None
        Seed of the start.

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
        Iterations of the descent.

    n_cells_ : int
        Number of cells, one expert each.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had string column names.

    See Also
    --------
    SoftmaxGate : Gates that compete with each other.

    Notes
    -----
    A row for which no gate is open is shared as if all were: its weights are the values
    of its gates, divided by the largest, of which the routing keeps the ``top_k``
    largest. It is not shared between all experts in equal parts: most of them have
    never seen the like of it.

    An affinity of minus infinity closes an expert to a row. A row to which all are
    closed gets weights 0, and the routing then shares it between all experts. Rows of
    cell -1 play no part in ``target="cells"``, rows of competence 0 throughout none in
    ``target="competence"``. Without any row to learn from, all gates are half open.

    The intercepts are not penalised. The gate of a cell without rows is as good as
    closed, that of a cell with all rows as good as open. Logits of any finite size are
    safe.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.gating import SigmoidGate
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> affinity = -((X - [-1.5, 1.5]) ** 2)
    >>> gate = SigmoidGate(threshold=0.3, random_state=0)
    >>> gate.fit(X, affinity, cells=np.array([0, 0, 1, 1]))
    SigmoidGate(random_state=0, threshold=0.3)
    >>> gate.gate_weights(X, affinity).round(2)
    array([[0.78, 0.  ],
           [0.65, 0.35],
           [0.35, 0.65],
           [0.  , 0.78]])
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0, 1, closed="left")],
        "target": [StrOptions({"cells", "competence"})],
        "init": [StrOptions({"uniform", "normal"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        C=1.0,
        *,
        threshold=0.1,
        target="cells",
        init="uniform",
        tol=1e-4,
        max_iter=1000,
        random_state=None,
        warm_start=False,
    ):
        self.C = C
        self.threshold = threshold
        self.target = target
        self.init = init
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.warm_start = warm_start

    def _learn(self, X, weights, cells, competence, affinity):
        super()._learn(X, weights, cells, competence, affinity)
        self._threshold = self.threshold

    def _fit_gates(self, columns, weights, penalty, cells, competence, affinity):
        start = self._start(columns)
        if start is None:
            start = self._draw((self.n_cells_, columns.X.shape[1] + 1))
        targets = cells if competence is None else competence
        controls = self.tol, self.max_iter
        return fit_linear_gates(
            columns, weights, penalty, sigmoid_loss, targets, start, *controls
        )

    def _draw(self, shape):
        rng = check_random_state(self.random_state)
        uniform = self.init == "uniform"
        start = rng.uniform(-1, 1, shape) if uniform else rng.normal(size=shape)
        return start / np.sqrt(shape[1])

    def _link(self, logits, closed):
        return open_gates(logits, closed, self._threshold)
