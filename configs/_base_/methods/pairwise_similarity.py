# The pair-wise term of structured knowledge distillation with the weight of CIRKD's code on Cityscapes.
methods = dict(pairwise_similarity=dict(type='mmkd.PairwiseSimilarity', weight=10.0))
