"""Methods, one file each. A config names them as ``mmkd.<Method>``."""

from mmkd.methods.attention_transfer import AttentionTransfer
from mmkd.methods.base import Method
from mmkd.methods.frskd import FRSKD
from mmkd.methods.logit_kd import LogitKD
from mmkd.methods.sla import SLA

__all__ = [
    'FRSKD',
    'SLA',
    'AttentionTransfer',
    'LogitKD',
    'Method',
]
