from .archives import DamagedError as DamagedError
from .archives import UnpackError as UnpackError
from .download import DownloadError as DownloadError
