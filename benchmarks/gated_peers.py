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

# Settings of the classifier and of the regressor.
CLASSIFIER = [
    {},
    {"n_experts": 128},
    {"l2": 0.1},
    {"learning_rate_init": 0.01, "l2": 0.3},
    {"learning_rate_init": 0.01, "l2": 0.1, "init": "normal", "max_iter": 20},
    {"learning_rate_init": 0.003, "l2": 0.5, "n_experts": 8},
]
REGRESSOR = [
    {},
    {"n_knots": 16, "l2": 1.0, "learning_rate_init": 0.02, "n_experts": 16},
    {"gate": "sigmoid", "l2": 0.03, "max_iter": 160},
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
    if not regression:
        return GatedExpertsClassifier(random_state=0), CLASSIFIER
    model = make_pipeline(Splines(), GatedExpertsRegressor(random_state=0))
    return model, [
        {parameter(model, key): value for key, value in setting.items()}
        for setting in REGRESSOR
    ]


def parameter(model, name):
    """Return how the pipeline calls a parameter of one of its steps."""
    return next(key for key in model.get_params() if f"__{key}".endswith(f"__{name}"))
