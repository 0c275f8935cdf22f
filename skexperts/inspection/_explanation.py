"""What explain returns."""

from dataclasses import dataclass

import numpy as np

from skexperts.inspection._text import pandas_frame, signed_names


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Why a model answers what it does for one row.

    For every output c the value of the model is the sum of all its terms::

        value[c] = sum_k (sum_j contributions[k, c, j] + intercepts[k, c] + rest[k, c])

    over the experts k that were consulted. All terms have the weights of their experts
    in them.

    Parameters
    ----------
    method : {"decision_function", "predict", "predict_proba"}
        What the model was asked for.
    outputs : ndarray of shape (n_outputs,), object
        The classes, of two only the second; the numbers of the values of a regressor.
    value : ndarray of shape (n_outputs,)
        The answer.
    numbers : ndarray of shape (n_consulted,)
        Position of each consulted expert among all of them.
    experts : ndarray of shape (n_consulted,), object
        Their names.
    weights : ndarray of shape (n_consulted,)
        Of the gate, times alpha.
    features : ndarray of shape (n_features,), object
        Names of the features; of a sparse row, of those it has.
    contributions : ndarray of shape (n_consulted, n_outputs, n_features)
        Weight times coefficient times feature.
    intercepts : ndarray of shape (n_consulted, n_outputs)
        Weight times intercept.
    rest : ndarray of shape (n_consulted, n_outputs)
        Weight times output, where the output is not a linear function of the features;
        their contributions and the intercept are then 0. It is 0 elsewhere.
    linear : ndarray of shape (n_consulted, n_outputs), bool
        Whether the output is split into contributions.

    See Also
    --------
    explain : Makes it.
    """

    method: str
    outputs: np.ndarray
    value: np.ndarray
    numbers: np.ndarray
    experts: np.ndarray
    weights: np.ndarray
    features: np.ndarray
    contributions: np.ndarray
    intercepts: np.ndarray
    rest: np.ndarray
    linear: np.ndarray

    def to_frame(self):
        """Return all terms as a pandas DataFrame, one row a term.

        Returns
        -------
        frame : DataFrame
            With the columns ``output``, ``expert``, ``weight``, ``term`` (the name of a
            feature, ``"(intercept)"``, or ``"(whole output)"`` of what is not linear)
            and ``contribution``. The contributions to an output add up to its value.
        """
        terms = [*self.features, "(intercept)", "(whole output)"]
        parts = [self.contributions, self.intercepts[..., None], self.rest[..., None]]
        values = np.concatenate(parts, axis=2)
        # What is split has no output as a whole, and what is not has nothing else.
        kept = np.repeat(self.linear[..., None], len(terms), axis=2)
        kept[..., -1] = ~self.linear
        k, c, j = np.nonzero(kept)
        return pandas_frame(
            {
                "output": self.outputs[c],
                "expert": self.experts[k],
                "weight": self.weights[k],
                "term": np.array(terms, dtype=object)[j],
                "contribution": values[kept],
            }
        )

    def __repr__(self):
        """Describe the largest output, expert by expert."""
        c = int(self.value.argmax())
        name = "" if self.method == "predict" else f" of {self.outputs[c]}"
        if self.method == "predict" and len(self.value) > 1:
            name = f" of output {self.outputs[c]}"
        lines = [f"{self.method}{name}: {self.value[c]:.4g}"]
        for k in np.argsort(-self.weights, kind="stable"):
            terms = self.contributions[k, c]
            total = terms.sum() + self.intercepts[k, c] + self.rest[k, c]
            lines.append(
                f"  {self.experts[k]}, weight {self.weights[k]:.3g}, adds {total:+.4g}"
            )
            if not self.linear[k, c]:
                lines.append("    as a whole: it is no linear function of the features")
                continue
            shown = signed_names(terms, self.features, values_too=True)
            intercept = f"{self.intercepts[k, c]:+.4g} intercept"
            lines.append(
                "    " + ", ".join([shown, intercept] if shown else [intercept])
            )
        return "\n".join(lines)
