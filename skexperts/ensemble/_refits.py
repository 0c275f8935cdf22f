"""New experts for some cells of a fitted model."""

from dataclasses import replace

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skexperts._rows import asking_parts, noting_columns, some_names, take_rows
from skexperts._sklearn import raise_for_params
from skexperts._validation import (
    all_or_nothing,
    times_class_weights,
    validate_sample_weight,
)
from skexperts.ensemble._cell import CellFit, common_scale
from skexperts.ensemble._checkpoint import check_can_resume, open_checkpoint
from skexperts.ensemble._fallback import check_can_stop
from skexperts.ensemble._fit_experts import Plan, fit_experts
from skexperts.ensemble._linear import stack_of


class RefitsCells:
    """Fit some experts again; partition, gate, alpha and the other experts stay."""

    def refit_cells(self, X, y, cells, sample_weight=None, **params):
        """Fit the experts of some cells again; everything else stays.

        Rows are routed as new rows are, without the weights alpha of a combiner, and
        without a limit on the rows of an expert. Where nothing has changed, an expert
        comes out as it was, unless the partition or the rounds of ``fit`` treated the
        training rows in another way than new ones. A ``class_weight`` is that of
        ``fit``: "balanced" does not count the classes of these rows again.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows of these cells; others may be among them. The weights of the gate are
            scaled to mean 1 over all of them.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            As in ``fit``; no new classes.

        cells : array-like of int
            Numbers of cells that have an expert, as in ``cells_``.

        sample_weight : array-like of shape (n_samples,), default=None
            As in ``fit``.

        **params : dict
            Metadata that the expert requests, as in ``fit``; what others request is
            not used.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a cell has no expert or gets no rows, y has classes that ``fit`` did not
            see, ``fit`` knew no ``class_weight`` but there is one now, the expert takes
            no weights that were given, or the experts share a model.
        CellFitError
            If an expert cannot be fitted, whatever ``on_cell_error`` is. Whatever is
            raised, the model is left as it was.
        """
        check_is_fitted(self)
        if hasattr(self, "deviation_"):
            raise ValueError(
                "The experts share a model, and are one problem: call fit. With "
                "sharing=None cells can be refitted."
            )
        X = self._validate_new(X)
        y = self._validate_new_target(y)
        check_consistent_length(X, y)
        raise_for_params(params, self, "refit_cells")
        sample_weight = validate_sample_weight(sample_weight, y)
        metadata = self._route_metadata(sample_weight, params, len(y)).expert
        sample_weight = self._weigh_new(y, sample_weight)
        if sample_weight is not None:
            kept = np.flatnonzero(sample_weight)
            X, y, sample_weight = take_rows(X, kept), y[kept], sample_weight[kept]
            metadata = metadata.take(kept)
        chosen = self._positions(cells)
        with asking_parts(self, X):
            routing = replace(self._router, alpha=None).route(X).tocsc()
        n_rows = np.diff(routing.indptr)[chosen]
        if self.cells_[-1] < 0:
            n_rows[chosen == len(self.cells_) - 1] = X.shape[0]
        if not n_rows.all():
            raise ValueError(
                f"No row of X is routed to the cells "
                f"{some_names(self.cells_[chosen[n_rows == 0]].tolist())}. Leave them "
                "out of cells."
            )
        with all_or_nothing(self), noting_columns(X):
            self._refit(chosen, X, y, sample_weight, routing, n_rows, metadata)
        return self

    def _validate_new_target(self, y):
        if not is_classifier(self):
            y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
            if y.size != len(y) * self._n_outputs:
                raise ValueError(
                    f"y has shape {y.shape}, but the model was fitted on "
                    f"{self._n_outputs} output(s)."
                )
            return y.ravel() if self._flat else y
        return column_or_1d(y, warn=True)

    def _weigh_new(self, y, sample_weight):
        """Return the weights of new rows, once those of weight > 0 are known to fit."""
        if not is_classifier(self):
            return sample_weight
        if self.class_weight is not None and not hasattr(self, "_class_weights"):
            raise ValueError(
                f"class_weight={self.class_weight!r} was set after fit, or fit did not "
                "keep it, as in an older version. Call fit."
            )
        # With weights of classes there may be some of weight 0, which are no classes_.
        known, factors = getattr(self, "_class_weights", (self.classes_, None))
        kept = slice(None) if sample_weight is None else sample_weight > 0
        new = sorted(set(y[kept].tolist()) - set(known.tolist()), key=str)
        if new:
            raise ValueError(
                f"y has classes that fit did not see: {some_names(new)}. Call fit."
            )
        if factors is None:
            return sample_weight
        return times_class_weights(factors, known, y, sample_weight)

    def _positions(self, cells):
        cells = np.unique(np.asarray(cells))
        unknown = np.setdiff1d(cells, self.cells_)
        # A mask would be taken for the cells 0 and 1.
        if unknown.size or not cells.size or cells.dtype == bool:
            raise ValueError(
                "cells must be one or more of those that have an expert, see cells_. "
                f"Got {some_names(cells.tolist())}."
            )
        return np.flatnonzero(np.isin(self.cells_, cells))

    def _refit(self, chosen, X, y, sample_weight, routing, n_rows, metadata):
        expert = self._default_expert() if self.expert is None else self.expert
        self._check_expert(expert, sample_weight)
        if self.checkpoint is not None:
            check_can_resume(self.random_state, None)
        if self.cell_timeout is not None:
            check_can_stop(self)
        router, classes = self._router, getattr(self, "classes_", None)
        plan = Plan(
            expert,
            router.cells,
            router.columns,
            classes,
            self._n_outputs,
            self._seed,
            None,
            self.n_jobs,
            self.cell_timeout,
            "raise",
            [],
            open_checkpoint(self.checkpoint, expert),
            metadata,
        )
        fits, _ = fit_experts(plan, X, y, sample_weight, routing, only=chosen)
        self.experts_ = list(self.experts_)
        report = {name: values.copy() for name, values in self.fit_report_.items()}
        gate_weight = routing.sum(axis=0)
        for j, fit, n in zip(chosen, fits, n_rows, strict=True):
            self.experts_[j], cell = fit.expert, self.cells_[j]
            report["n_routed"][cell] = n
            report["gate_weight"][cell] = gate_weight[j]
            report["n_classes"][cell] = fit.n_classes
            report["fit_time"][cell] = fit.seconds
            report["state"][cell] = fit.state
        self.fit_report_ = report
        if not hasattr(self, "alpha_"):
            self._scale = common_scale([CellFit(e, "", 0, 0.0) for e in self.experts_])
        self._linear = stack_of(self, self.n_features_in_)
        self._publish_shared(None)
