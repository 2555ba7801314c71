"""Lets Matplotlib be imported whatever $MPLBACKEND says; import this before it.

The variable names what shows figures on a screen, such as a notebook's, and every command that a
notebook starts inherits it. Matplotlib refuses to be imported where that is not installed. No
figure here is shown on a screen, so the name is kept for others and never needed.
"""

import contextlib
import os

_given = os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
finally:
    if _given is not None:
        os.environ["MPLBACKEND"] = _given

if _given:
    with contextlib.suppress(ValueError):  # what is absent stays Matplotlib's own choice
        matplotlib.rcParams["backend"] = _given
