# The weights of classification, before the calibration on CamVid gave those of trg_segmentation.py
_base_ = '../plain/fpn_r18w16_camvid-128x96.py'
methods = dict(
    trg=dict(
        type='mmkd.TRG', logit_weight=1.0, local_weight=100.0, global_weight=0.5, contextual_weight=10.0,
        temperature=1.0, tokens_per_image=256, contextual_size=32))
teacher = dict(
    config='mmkd::plain/fpn_r18w32_camvid-128x96.py', checkpoint='work_dirs/fpn_r18w32_camvid-128x96/iter_4000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=methods)
