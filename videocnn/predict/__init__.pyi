from .prediction import PredictError as PredictError
from .prediction import Prediction as Prediction
from .prediction import find_files as find_files
from .prediction import predict as predict
from .timelines import Timeline as Timeline
from .timelines import score_timeline as score_timeline
