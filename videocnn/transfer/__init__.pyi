from .folds import FoldError as FoldError
from .folds import finetune_folds as finetune_folds
from .network import transfer_network as transfer_network
from .run import finetune as finetune
