"""What the kinds of a routing display count and draw: two functions each."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import csr_array
from scipy.spatial.distance import squareform
from scipy.special import entr

from skexperts.inspection._model import dense
from skexperts.inspection._plotting import (
    BAR,
    MARK,
    draw_matrix,
    label_ticks,
    write_values,
)


def count_load(routing):
    """Return the share of the routing weights of each expert, and their order by it."""
    load = routing.sum(axis=0) / routing.shape[0]
    return load, np.argsort(-load, kind="stable")


def count_entropy(routing):
    """Return exp(entropy) of the weights of each row; experts keep their order."""
    terms = entr(routing.data), routing.indices, routing.indptr
    entropy = csr_array(terms, shape=routing.shape).sum(axis=1)
    return np.exp(entropy), np.arange(routing.shape[1])


def count_overlap(routing):
    """Return the share of rows that two experts serve, and similar ones in order."""
    served = (routing > 0).astype(np.float64)
    overlap = dense(served.T @ served) / routing.shape[0]
    return overlap, _similar_in_order(overlap)


def count_confusion(routing, codes, n_classes):
    """Return how many rows of each class have each expert as their first choice.

    Parameters
    ----------
    routing : csr_array of shape (n_rows, n_experts)
    codes : ndarray of shape (n_rows,)
        Class of each row, as a number.
    n_classes : int

    Returns
    -------
    counts : ndarray of shape (n_experts, n_classes)
    order : ndarray of shape (n_experts,)
        Experts of the same most frequent class together, large ones first.
    """
    counts = np.zeros((routing.shape[1], n_classes), dtype=np.intp)
    np.add.at(counts, (routing.argmax(axis=1), codes), 1)
    unused = counts.sum(axis=1) == 0
    order = np.lexsort((-counts.max(axis=1), counts.argmax(axis=1), unused))
    return counts, order


def _similar_in_order(overlap):
    """Return an order in which experts that serve the same rows are neighbours."""
    if len(overlap) < 3:
        return np.arange(len(overlap))
    served = np.diag(overlap)
    either = served[:, None] + served - overlap
    shared = np.divide(overlap, either, where=either > 0, out=np.zeros_like(either))
    distance = squareform(1.0 - shared, checks=False)
    return leaves_list(linkage(distance, "average", optimal_ordering=True))


def draw_load(display, ax, artist_kwargs):
    """Draw bars, the largest first, and a line at equal shares."""
    load = 100 * display.values[display.order]
    positions = np.arange(len(load))
    ax.bar(positions, load, **{"color": BAR, "width": 0.8, **artist_kwargs})
    equal = 100 / len(load)
    ax.axhline(equal, color=MARK, linestyle="--", label=f"equal shares ({equal:.3g}%)")
    ax.set(xlabel="expert", ylabel="share of the routing weights (%)")
    ax.margins(x=0.01)
    ax.legend(frameon=False)
    label_ticks(ax, "x", [display.expert_labels[j] for j in display.order])


def draw_entropy(display, ax, artist_kwargs):
    """Draw a histogram over the rows, and a line at the mean."""
    consulted, mean = display.values, display.values.mean()
    top = max(consulted.max(), 2.0)
    options = {"bins": 40, "range": (1.0, top), "color": BAR, **artist_kwargs}
    ax.hist(consulted, **options)
    ax.axvline(mean, color=MARK, linestyle="--", label=f"mean ({mean:.3g})")
    ax.set(xlabel="experts consulted, exp(entropy of the weights)", ylabel="rows")
    ax.legend(frameon=False)


def draw_overlap(display, ax, artist_kwargs):
    """Draw the matrix without its diagonal; zeros stay blank."""
    order = display.order
    labels = [display.expert_labels[j] for j in order]
    shares = 100 * display.values[np.ix_(order, order)]
    np.fill_diagonal(shares, np.nan)
    shares[shares == 0] = np.nan
    image = draw_matrix(
        ax,
        shares,
        rows=labels,
        columns=labels,
        label="rows served by both (%)",
        artist_kwargs={"cmap": "YlGnBu", "vmin": 0, "aspect": "equal"} | artist_kwargs,
    )
    write_values(ax, image, shares, ".1f")
    ax.set(xlabel="expert", ylabel="expert")


def draw_confusion(display, ax, artist_kwargs):
    """Draw the counts; zeros stay blank."""
    counts = display.values[display.order].astype(np.float64)
    counts[counts == 0] = np.nan
    image = draw_matrix(
        ax,
        counts,
        rows=[display.expert_labels[j] for j in display.order],
        columns=display.class_labels,
        label="rows with the expert as first choice",
        artist_kwargs={"cmap": "YlGnBu", "vmin": 0} | artist_kwargs,
    )
    write_values(ax, image, counts, ".0f")
    ax.set(xlabel="class", ylabel="expert")
