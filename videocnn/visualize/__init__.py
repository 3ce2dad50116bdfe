"""Pictures of what was learnt: filters, predictions, learning curves; each function returns a matplotlib `Figure`.

Figures are made without pyplot: nothing is shown, no window or global state is touched, any thread may draw. Colours
are told apart by colour-blind readers, and no fact is told by colour alone.
"""

from videocnn.visualize.canvas import save_figure
from videocnn.visualize.curves import plot_curves
from videocnn.visualize.filters import plot_filters
from videocnn.visualize.predictions import plot_predictions

__all__ = ["plot_curves", "plot_filters", "plot_predictions", "save_figure"]
