"""Methods, one file each. A config names them as ``mmkd.<Method>``."""

from mmkd.methods.attention_transfer import AttentionTransfer
from mmkd.methods.base import Method
from mmkd.methods.channel_wise_kd import ChannelWiseKD
from mmkd.methods.cirkd import CIRKD
from mmkd.methods.dist import DIST
from mmkd.methods.dkd import DKD
from mmkd.methods.drg import DRG
from mmkd.methods.dsr import DSR
from mmkd.methods.ekd import EKD
from mmkd.methods.feature_kd import FeatureKD
from mmkd.methods.frskd import FRSKD
from mmkd.methods.logit_kd import LogitKD
from mmkd.methods.mgd import MGD
from mmkd.methods.mlkd import MLKD
from mmkd.methods.pairwise_similarity import PairwiseSimilarity
from mmkd.methods.pkd import PKD
from mmkd.methods.review_kd import ReviewKD
from mmkd.methods.rkd import RKD
from mmkd.methods.self_attention import SelfAttention
from mmkd.methods.similarity_preserving import SimilarityPreserving
from mmkd.methods.sla import SLA
from mmkd.methods.trg import TRG

__all__ = [
    'CIRKD',
    'DIST',
    'DKD',
    'DRG',
    'DSR',
    'EKD',
    'FRSKD',
    'MGD',
    'MLKD',
    'PKD',
    'RKD',
    'SLA',
    'TRG',
    'AttentionTransfer',
    'ChannelWiseKD',
    'FeatureKD',
    'LogitKD',
    'Method',
    'PairwiseSimilarity',
    'ReviewKD',
    'SelfAttention',
    'SimilarityPreserving',
]
