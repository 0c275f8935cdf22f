"""What the partitioned classifier and regressor have in common.

X -> partition -> affinity (n, n_cells) -> gate -> routing (n, n_experts) CSR
X -> experts, fitted in parallel        -> outputs of the routed pairs
routing, outputs -> sum_k routing[i, k] * output_k(x_i)
"""

from abc import ABCMeta, abstractmethod
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.utils import check_random_state, get_tags

from skexperts._callbacks import NO_TASK, CallbackSupport, fit_task
from skexperts._doc_links import DocLinkMixin
from skexperts._experts import takes_weights
from skexperts._rows import check_rows_differ, noting_columns, take_rows, validate_rows
from skexperts._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from skexperts._splits import draw_splits
from skexperts._validation import validate_sample_weight
from skexperts.ensemble._alpha import learn_alpha
from skexperts.ensemble._cell import common_scale
from skexperts.ensemble._checkpoint import check_can_resume, open_checkpoint
from skexperts.ensemble._fallback import check_can_stop
from skexperts.ensemble._fit_experts import Plan
from skexperts.ensemble._linear import stack_of
from skexperts.ensemble._metadata import NOTHING_ROUTED, RoutesMetadata
from skexperts.ensemble._n_experts import choose_n_experts
from skexperts.ensemble._predicts import Predicts
from skexperts.ensemble._refits import RefitsCells
from skexperts.ensemble._report import (
    fit_report,
    warn_of_fallbacks,
    warn_of_merged_cells,
)
from skexperts.ensemble._rounds import check_rounds, run_rounds
from skexperts.ensemble._router import GATES, Router, make_gate, make_partitioner
from skexperts.ensemble._sharing import check_can_share
from skexperts.ensemble._state import PickledState

# Attributes that a refit with other parameters would leave behind.
_NOT_ALWAYS = (
    "_class_weights",
    "alpha_",
    "deviation_",
    "deviation_intercept_",
    "n_experts_scores_",
    "pruning_report_",
    "shared_",
)


class BasePartitionedExperts(
    DocLinkMixin,
    CallbackSupport,
    RoutesMetadata,
    Predicts,
    RefitsCells,
    PickledState,
    MetaEstimatorMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Partition, gate, experts in parallel, combination; subclasses say what y is."""

    _parameter_constraints: dict = {
        "expert": [HasMethods(["fit"]), None],
        "partitioner": [HasMethods(["fit"]), callable, None],
        "n_experts": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "gate": [StrOptions(set(GATES)), HasMethods(["fit", "gate_weights"])],
        "top_k": [Interval(Integral, 1, None, closed="left")],
        "capacity_factor": [Interval(Real, 1, None, closed="left"), None],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "sharing": [StrOptions({"deviation"}), None],
        "deviation_penalty": [Interval(Real, 0, None, closed="right")],
        "min_cell_size": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "cell_timeout": [Interval(Real, 0, None, closed="neither"), None],
        "on_cell_error": [StrOptions({"raise", "fallback"})],
        "checkpoint": [str, PathLike, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        expert=None,
        *,
        partitioner=None,
        n_experts=None,
        gate="distance",
        top_k=4,
        capacity_factor=None,
        n_rounds=1,
        sharing=None,
        deviation_penalty=0.5,
        combiner=None,
        min_cell_size=10,
        cv=None,
        cell_timeout=None,
        on_cell_error="raise",
        checkpoint=None,
        n_jobs=None,
        random_state=None,
    ):
        self.expert = expert
        self.partitioner = partitioner
        self.n_experts = n_experts
        self.gate = gate
        self.top_k = top_k
        self.capacity_factor = capacity_factor
        self.n_rounds = n_rounds
        self.sharing = sharing
        self.deviation_penalty = deviation_penalty
        self.combiner = combiner
        self.min_cell_size = min_cell_size
        self.cv = cv
        self.cell_timeout = cell_timeout
        self.on_cell_error = on_cell_error
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state

    @abstractmethod
    def _default_expert(self):
        """Return the expert that ``expert=None`` stands for."""

    @abstractmethod
    def _learn_target(self, y):
        """Set what is to be known of y, and return the classes, None for values."""

    def _weigh(self, y, sample_weight):
        """Return the weights of the rows."""
        return sample_weight

    @abstractmethod
    def _decode(self, combined):
        """Return the predictions that combined outputs stand for."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        expert = self._default_expert() if self.expert is None else self.expert
        boxes = [box for box in (expert, self.partitioner) if hasattr(box, "fit")]
        inputs = [get_tags(box).input_tags for box in boxes]
        tags.input_tags.sparse = all(box.sparse for box in inputs)
        # NaN is for those who take it: KMeans and gates that read X do not.
        gate = GATES.get(self.gate) if isinstance(self.gate, str) else self.gate
        tags.input_tags.allow_nan = (
            self.partitioner is not None
            and not getattr(gate, "learns", False)
            and all(box.allow_nan for box in inputs)
        )
        return tags

    def _fit_task(self):
        """Set up the callbacks; to be called before the state of self is noted."""
        n_rounds = self.n_rounds - 1 + bool(getattr(self.gate, "needs_competence", 0))
        others = (self.n_experts == "auto") + (self.combiner is not None)
        # Partition, gate, experts and these.
        return fit_task(self, 3 + n_rounds + others, leave_out=("combiner", "cv"))

    def _fit(self, X, y, sample_weight, params, task, **checks):
        """Fit everything and publish the fitted attributes."""
        for name in _NOT_ALWAYS:
            vars(self).pop(name, None)
        self._finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        X, y = validate_rows(self, X, y, finite=self._finite, **checks)
        sample_weight = validate_sample_weight(sample_weight, y)
        metadata = self._route_metadata(sample_weight, params, len(y))
        sample_weight = self._weigh(y, sample_weight)
        kept = None
        if sample_weight is not None and not sample_weight.all():
            kept = np.flatnonzero(sample_weight)
        # Splits that the user gives are of all rows.
        draw = partial(draw_splits, X=X, y=y, kept=kept, classifier=is_classifier(self))
        if kept is not None:
            X, y, sample_weight = take_rows(X, kept), y[kept], sample_weight[kept]
            metadata = metadata.take(kept)
        self._check_parts(sample_weight)
        with task.running(X, y, complete=True), noting_columns(X):
            self._fit_kept(X, y, sample_weight, draw, metadata, task)

    def _fit_kept(self, X, y, sample_weight, draw, metadata, task):
        """Fit on validated rows of positive weight; ``draw`` gives their folds."""
        n_experts = self.n_experts
        if n_experts == "auto":
            self._learn_target(y)
            n_experts, self.n_experts_scores_ = choose_n_experts(
                self, X, y, sample_weight, draw, metadata, task
            )
        self._fit_rows(X, y, sample_weight, n_experts, draw, metadata, task)
        if self.n_experts == "auto" and n_experts == 1:
            self.fit_report_["state"][self.cells_] = "global"
        asked = self.n_experts is not None or self.partitioner is not None
        if asked and self.n_experts != "auto":
            warn_of_merged_cells(self.fit_report_, self.min_cell_size)

    def _check_expert(self, expert, sample_weight):
        if not self._is_expert_kind(expert):
            raise TypeError(
                f"expert={expert!r} is not a {self._expert_kind}. Pass one, or use "
                "the other of PartitionedExpertsClassifier and "
                "PartitionedExpertsRegressor."
            )
        if sample_weight is not None and not takes_weights(expert):
            raise ValueError(
                f"sample_weight was given, but fit of the expert {expert!r} takes "
                "no sample weights. Leave sample_weight out or use another expert."
            )

    def _check_parts(self, sample_weight):
        expert = self._default_expert() if self.expert is None else self.expert
        self._check_expert(expert, sample_weight)
        if self.combiner is not None:
            validate_parameter_constraints(
                self.combiner._parameter_constraints,
                self.combiner.get_params(deep=False),
                caller_name=type(self.combiner).__name__,
            )
        if self.sharing is not None:
            check_can_share(expert)
        if self.checkpoint is not None:
            check_can_resume(self.random_state, self.sharing)
        if self.cell_timeout is not None:
            check_can_stop(self)
        check_rounds(self.n_rounds, make_gate(self.gate, seed=0))

    def _fit_rows(
        self,
        X,
        y,
        sample_weight,
        n_experts,
        draw=None,
        metadata=NOTHING_ROUTED,
        task=NO_TASK,
    ):
        """Fit with a given number of experts."""
        expert = self._default_expert() if self.expert is None else self.expert
        classes = self._learn_target(y)
        seed = int(
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        )
        self.partitioner_ = make_partitioner(
            self.partitioner,
            n_experts,
            X.shape[0],
            seed,
            task="regression" if classes is None else "classification",
            given=self.n_experts,
        )
        training = (X, y, sample_weight)
        with task.subtask("partition").running(X, y, fits=self.partitioner_):
            router, affinity = Router.start(
                self.partitioner_,
                *training,
                self.min_cell_size,
                self.top_k,
                metadata.partitioner,
            )
        if len(router.cells) == 1 and router.partition.n_cells > 1:
            check_rows_differ(X)
        penalty = None if self.sharing is None else self.deviation_penalty
        if penalty is not None and not router.see_the_same:
            raise ValueError(
                "sharing='deviation' needs experts that see the same columns, but the "
                f"experts of {type(self.partitioner_).__name__} see different ones. "
                "Use sharing=None."
            )
        self._n_outputs = _n_outputs(y, classes)
        plan = Plan(
            expert,
            router.cells,
            router.columns,
            classes,
            self._n_outputs,
            seed,
            penalty,
            self.n_jobs,
            self.cell_timeout,
            self.on_cell_error,
            [],
            open_checkpoint(self.checkpoint, expert),
            metadata.expert,
        )
        plan, router, routing, fits, joint = run_rounds(
            plan,
            router,
            affinity,
            make_gate(self.gate, seed),
            training,
            n_rounds=self.n_rounds,
            capacity_factor=self.capacity_factor,
            task=task,
        )
        self._scale = common_scale(fits)
        if self.combiner is not None:
            draw = partial(draw, metadata=metadata.combiner_cv)
            alpha, self._scale = learn_alpha(
                self.combiner, plan, training, routing, router, draw, task
            )
            router = replace(router, alpha=alpha)
            self.alpha_ = alpha
        self._router, self._seed = router.without_rows(), seed
        self.cells_, self.gate_ = router.cells, router.gate
        self.n_experts_ = len(router.cells)
        self.experts_ = [fit.expert for fit in fits]
        self._linear = stack_of(self, X.shape[1])
        self._publish_shared(joint)
        self.fit_report_ = fit_report(router, routing, fits)
        self._dtype = X.dtype.name if hasattr(X, "dtype") else None
        warn_of_fallbacks(self.fit_report_, plan.fallen)

    def _publish_shared(self, joint):
        if joint is not None:
            self.shared_ = joint.shared
            self.deviation_ = joint.deviation
            self.deviation_intercept_ = joint.deviation_intercept
        elif self.cells_[-1] < 0:
            self.shared_ = self.experts_[-1]


def _n_outputs(y, classes):
    if classes is not None:
        return len(classes)
    return 1 if y.ndim == 1 else y.shape[1]
