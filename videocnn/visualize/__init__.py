"""Pictures of what was learnt and of what a network looks at; each function returns a matplotlib `Figure`.

Figures are made without pyplot: nothing is shown, no window or global state is touched, any thread may draw. Colours
are told apart by colour-blind readers, and no fact is told by colour alone.
"""

from videocnn.visualize.activations import plot_activations
from videocnn.visualize.animation import save_filter_animation
from videocnn.visualize.canvas import save_figure
from videocnn.visualize.clip import plot_clip, read_clip
from videocnn.visualize.confusion import plot_confusion
from videocnn.visualize.curves import plot_curves
from videocnn.visualize.films import Film, film
from videocnn.visualize.filters import plot_filters
from videocnn.visualize.gains import plot_gains
from videocnn.visualize.gradients import saliency, scores_over_time
from videocnn.visualize.heat import plot_saliency
from videocnn.visualize.neighbours import nearest_clips, plot_neighbours
from videocnn.visualize.predictions import plot_predictions
from videocnn.visualize.spectrum import filter_numbers
from videocnn.visualize.timeline import plot_timeline

__all__ = [
    "Film",
    "film",
    "filter_numbers",
    "nearest_clips",
    "plot_activations",
    "plot_clip",
    "plot_confusion",
    "plot_curves",
    "plot_filters",
    "plot_gains",
    "plot_neighbours",
    "plot_predictions",
    "plot_saliency",
    "plot_timeline",
    "read_clip",
    "saliency",
    "save_figure",
    "save_filter_animation",
    "scores_over_time",
]
