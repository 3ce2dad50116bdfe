"""Transfer: a trained network goes in, the network for other videos comes out (section 4.2 of the paper, Table 3).

`transfer_network` makes it, `finetune` trains it in a run folder, `finetune_folds` does so on every fold of a data set.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
