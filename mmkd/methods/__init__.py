"""Methods, one file each. A config names them as ``mmkd.<Method>``."""

from mmkd.methods.attention_transfer import AttentionTransfer
from mmkd.methods.base import Method
from mmkd.methods.drg import DRG
from mmkd.methods.dsr import DSR
from mmkd.methods.frskd import FRSKD
from mmkd.methods.logit_kd import LogitKD
from mmkd.methods.self_attention import SelfAttention
from mmkd.methods.sla import SLA
from mmkd.methods.trg import TRG

__all__ = [
    'DRG',
    'DSR',
    'FRSKD',
    'SLA',
    'TRG',
    'AttentionTransfer',
    'LogitKD',
    'Method',
    'SelfAttention',
]
