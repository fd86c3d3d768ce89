"""Feature sets by the name that is stored with each result.

A feature set that was used once is never edited, only succeeded: stored results must be reproducible.
"""

from signalcraft.dsp.features import v1, v2

FEATURE_SETS = {v1.NAME: v1, v2.NAME: v2}
CURRENT = v2.NAME
