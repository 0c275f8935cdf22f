"""L1-regularised linear support vector machines."""

from skexperts.svm._l1_svc import L1SVC
from skexperts.svm._l1_svr import L1SVR

__all__ = ["L1SVC", "L1SVR"]
