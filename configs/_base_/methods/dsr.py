# DSR with the weight of the published code
methods = dict(dsr=dict(type='mmkd.DSR', shape_weight=1.0, temperature=4.0))
