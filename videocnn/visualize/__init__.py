"""Pictures of what was learnt and of what a network looks at; each function returns a matplotlib `Figure`.

Figures are made without pyplot: nothing is shown, no window or global state is touched, any thread may draw. Colours
are told apart by colour-blind readers, and no fact is told by colour alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
