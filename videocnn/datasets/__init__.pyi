from .hmdb51 import hmdb51_group as hmdb51_group
from .official import Source as Source
from .official import obtain as obtain
from .opening import open_videos as open_videos
from .prepare import Found as Found
from .ucf101_actions import ACTION_GROUPS as ACTION_GROUPS
from .ucf101_actions import action_group as action_group
