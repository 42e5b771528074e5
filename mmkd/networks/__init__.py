"""Networks: self-teachers, necks, backbones."""
from .bifpn import BiFPN
from .bifpn_self_teacher import BiFPNSelfTeacher
from .cifar_resnet import CIFARResNet
from .cifar_shufflenet_v2 import CIFARShuffleNetV2
from .cifar_vgg import CIFARVGG
from .dynamic_depth_resnet import DynamicDepthResNet
from .dynamic_depth_vgg import DynamicDepthVGG
from .efficientnet_stages import EfficientNetStages
from .levels_from_stage import LevelsFromStage
from .reverse_guidance_head import ReverseGuidanceHead
from .segmentation_pyramid import SegmentationPyramid
from .segmentation_self_teacher import SegmentationBiFPNSelfTeacher
from .wide_resnet import WideResNet

__all__ = [
    'CIFARVGG',
    'BiFPN',
    'BiFPNSelfTeacher',
    'CIFARResNet',
    'CIFARShuffleNetV2',
    'DynamicDepthResNet',
    'DynamicDepthVGG',
    'EfficientNetStages',
    'LevelsFromStage',
    'ReverseGuidanceHead',
    'SegmentationBiFPNSelfTeacher',
    'SegmentationPyramid',
    'WideResNet',
]
