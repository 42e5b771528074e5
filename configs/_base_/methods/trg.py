# TRG for classification. No number of the paper is known to us: all of these are our choice, and the weights are to be
# calibrated, see configs/trg/README.md.
methods = dict(
    trg=dict(
        type='mmkd.TRG',
        logit_weight=1.0,
        local_weight=100.0,
        global_weight=0.5,
        contextual_weight=10.0,
        temperature=4.0,
        global_temperature=dict(type='Anneal', start=0.5, stop=0.07, shape='cosine')))
