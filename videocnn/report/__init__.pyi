from .building import ReportError as ReportError
from .building import write_report as write_report
from .timeline_files import TimelineFiles as TimelineFiles
from .timeline_files import predict_timelines as predict_timelines
