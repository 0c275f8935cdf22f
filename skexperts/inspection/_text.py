"""Numbers as text, and tables."""

import numpy as np


def signed_names(values, names, *, n_top=5, of=None, values_too=False):
    """Write the names of the largest values with their signs, as "+income, -age".

    Parameters
    ----------
    values : ndarray of shape (n_names,)
    names : ndarray of shape (n_names,), object
    n_top : int
        How many at the most; zeros are left out.
    of : ndarray of shape (n_names,), object, or None
        What each value is for, in parentheses.
    values_too : bool
        Whether to write the values, too.

    Returns
    -------
    text : str
    """
    top = np.argsort(-np.abs(values), kind="stable")[:n_top]
    words = []
    for j in top[values[top] != 0]:
        sign = f"{values[j]:+.4g} " if values_too else f"{values[j]:+}"[0]
        words.append(f"{sign}{names[j]}" + ("" if of is None else f" ({of[j]})"))
    return ", ".join(words)


def text_table(columns):
    """Write columns of equal length as lines of text.

    Parameters
    ----------
    columns : dict of ndarrays

    Returns
    -------
    text : str
    """
    cells = [[name, *map(_word, values)] for name, values in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    lines = zip(*cells, strict=True)
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def pandas_frame(columns, index=None):
    """Return a DataFrame of columns.

    Parameters
    ----------
    columns : dict of ndarrays
    index : str, default=None
        The column that names the rows.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "A frame needs pandas, which is not installed. Use "
            "`pip install pandas`, or ask for text: "
            'expert_report(..., output="text"), or str() of an explanation.'
        ) from error
    frame = pd.DataFrame(columns)
    return frame if index is None else frame.set_index(index)


def _word(value):
    if value is None or value != value:
        return "-"
    if isinstance(value, float | np.floating):
        return f"{value:.3g}"
    return str(value)
