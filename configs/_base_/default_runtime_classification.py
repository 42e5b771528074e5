_base_ = './default_runtime.py'
default_scope = 'mmpretrain'
default_hooks = dict(
    checkpoint=dict(save_best='accuracy/top1', rule='greater'),
    visualization=dict(type='VisualizationHook'))
visualizer = dict(type='UniversalVisualizer', vis_backends=_base_.vis_backends, name='visualizer')
