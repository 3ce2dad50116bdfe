from .checking import ExportError as ExportError
from .exporting import FORMATS as FORMATS
from .exporting import Exported as Exported
from .exporting import export as export
