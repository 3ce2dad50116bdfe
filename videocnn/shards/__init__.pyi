from .read import ShardError as ShardError
from .read import Shards as Shards
from .read import open_shards as open_shards
from .write import assign_shards as assign_shards
from .write import write_shards as write_shards
