"""Transfer: a trained network goes in, the network for other videos comes out (section 4.2 of the paper, Table 3).

`transfer_network` makes it, `finetune` trains it in a run folder, `finetune_folds` does so on every fold of a data set.
"""

from videocnn.transfer.folds import finetune_folds
from videocnn.transfer.network import transfer_network
from videocnn.transfer.run import finetune

__all__ = ["finetune", "finetune_folds", "transfer_network"]
