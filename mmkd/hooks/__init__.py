"""Engine hooks, and what else the engine is given by its configs."""
from mmkd.hooks.autocast_optim_wrapper import AutocastOptimWrapper
from mmkd.hooks.calibration_hook import CalibrationHook
from mmkd.hooks.channels_last_hook import ChannelsLastHook
from mmkd.hooks.class_count_hook import ClassCountHook
from mmkd.hooks.distill_visualization_hook import DistillVisualizationHook
from mmkd.hooks.eval_teacher_hook import EvalTeacherHook
from mmkd.hooks.plain_weights_hook import PlainWeightsHook
from mmkd.hooks.random_state_hook import RandomStateHook
from mmkd.hooks.subnet_evaluation_hook import SubnetEvaluationHook
from mmkd.hooks.whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'AutocastOptimWrapper',
    'CalibrationHook',
    'ChannelsLastHook',
    'ClassCountHook',
    'DistillVisualizationHook',
    'EvalTeacherHook',
    'PlainWeightsHook',
    'RandomStateHook',
    'SubnetEvaluationHook',
    'WholeCheckpointHook',
]
