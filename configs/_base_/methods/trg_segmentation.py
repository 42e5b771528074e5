# TRG on the map that a segmentor's classifier reads. All of these are our choice: more tokens, for there are few images
# in a batch, and the weights that the calibration asked for on CamVid, see configs/trg/README.md.
methods = dict(
    trg=dict(
        type='mmkd.TRG',
        logit_weight=1.0,
        local_weight=500.0,
        global_weight=0.5,
        contextual_weight=200.0,
        temperature=1.0,
        global_temperature=dict(type='Anneal', start=0.5, stop=0.07, shape='cosine'),
        tokens_per_image=256,
        contextual_size=32))
