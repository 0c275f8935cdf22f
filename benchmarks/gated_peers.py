"""The models of ``compare_gated``: gated experts, and peers of ``benchmarks.peers``.

A setting is a dict of parameters; the first one is what is taken without a search.
"""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, SplineTransformer, StandardScaler

from benchmarks.peers import OURS, expand, models
from skexperts.ensemble import GatedExpertsClassifier, GatedExpertsRegressor

GATED = "gated"
AVERAGED = f"{GATED}, 4 averaged"
SPARSE = f"{GATED}, sparse"
PEERS = [
    "SVC rbf",
    "SVR rbf",
    "HistGradientBoosting",
    "LightGBM",
    "Nystroem + LinearSVC",
    "Nystroem + Ridge",
    f"{OURS}, top 4 by distance",
    f"{OURS}, learned gate",
]
# The share of coefficients that a sparse model has to set to 0, and the penalties.
ZEROS = 0.8
ALPHAS = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]

# Settings of the classifier and of the regressor: what is not the default.
PLAIN = {"gate": "softmax", "l2": 0.0, "learning_rate_init": 0.03}
IMAGES = {"learning_rate_init": 0.01, "shared": True, "gate": "sigmoid"}
CLASSIFIER = [
    PLAIN | {"l2": 0.5, "learning_rate_init": 0.003, "n_experts": 8},
    PLAIN | {"n_experts": 128, "max_iter": 60},
    IMAGES | {"l2": 0.3, "top_k": 16, "balance": 0.01},
    IMAGES | {"l2": 0.2},
    {"n_knots": 6, "l2": 1.0, "learning_rate_init": 0.01, "gate": "sigmoid"},
    PLAIN | {"l2": 0.05, "init": "normal"},
]
WIDE = {"learning_rate_init": 0.03}
REGRESSOR = [
    {},
    WIDE | {"l2": 0.01, "max_iter": 80},
    WIDE | {"n_knots": 16, "n_experts": 16, "learning_rate_init": 0.02, "l2": 1.0},
    WIDE | {"n_knots": 8, "learning_rate_init": 0.02, "l2": 0.3},
    WIDE | {"n_knots": 8, "learning_rate_init": 0.02, "l2": 0.1, "max_iter": 80},
    {"gate": "softmax", "top_k": 8, "balance": 0.01, "l2": 0.1}
    | {"learning_rate_init": 0.01, "n_experts": 16},
]


class Splines(TransformerMixin, BaseEstimator):
    """Linear splines of the ranks of each feature; with 0 knots the features."""

    def __init__(self, n_knots=0):
        self.n_knots = n_knots

    def fit(self, X, y=None):
        if self.n_knots:
            splines = SplineTransformer(self.n_knots, degree=1)
            self.steps_ = make_pipeline(
                QuantileTransformer(random_state=0), splines, StandardScaler()
            ).fit(X)
        return self

    def transform(self, X):
        return self.steps_.transform(X) if self.n_knots else X


def models_of(n_rows, n_features, regression):
    """Return ``{name: (estimator, settings)}`` without ``AVERAGED`` and ``SPARSE``."""
    found = models(n_rows, n_features, regression)
    neural = MLPRegressor if regression else MLPClassifier
    mlp = neural(hidden_layer_sizes=(256,), max_iter=100, random_state=0)
    mlp_grid = {"learning_rate_init": [0.001, 0.005], "alpha": [1e-4, 0.1, 1.0]}
    return (
        {GATED: gated(regression)}
        | {peer: found[peer] for peer in PEERS if peer in found}
        | {"MLP": (mlp, expand(mlp_grid))}
    )


def gated(regression):
    """Return one model, and its settings."""
    experts = GatedExpertsRegressor if regression else GatedExpertsClassifier
    model = make_pipeline(Splines(), experts(random_state=0))
    return model, [
        {parameter(model, key): value for key, value in setting.items()}
        for setting in (REGRESSOR if regression else CLASSIFIER)
    ]


def parameter(model, name):
    """Return how the pipeline calls a parameter of one of its steps."""
    return next(key for key in model.get_params() if f"__{key}".endswith(f"__{name}"))
