"""Every public estimator in several configurations, for the common checks."""

from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from skexperts import (
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
)
from skexperts.gating import DistanceGate, HardGate

CLASSIFIERS = [
    PartitionedExpertsClassifier(),
    PartitionedExpertsClassifier(LogisticRegression(), n_experts=1),
    PartitionedExpertsClassifier(gate="hard", min_cell_size=1, n_jobs=2),
    PartitionedExpertsClassifier(
        GaussianNB(), partitioner=GaussianMixture(2), gate=DistanceGate(0.5)
    ),
    PartitionedExpertsClassifier(SVC(), partitioner=RandomPartitioner(2), top_k=1),
    PartitionedExpertsClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        partitioner=make_pipeline(StandardScaler(), KMeans(2, n_init=1)),
        gate=HardGate(),
    ),
]

REGRESSORS = [
    PartitionedExpertsRegressor(),
    PartitionedExpertsRegressor(Ridge(), n_experts=1),
    PartitionedExpertsRegressor(Ridge(), n_experts=2, top_k=2, min_cell_size=1),
    PartitionedExpertsRegressor(DecisionTreeRegressor(max_depth=3), gate="hard"),
]

PARTITIONERS = [RandomPartitioner(n_cells=1), RandomPartitioner(n_cells=2)]

ALL = CLASSIFIERS + REGRESSORS + PARTITIONERS
