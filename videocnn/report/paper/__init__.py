"""The paper's tables from run folders: our figures with intervals beside the paper's."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
