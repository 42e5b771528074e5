# Similarity-preserving distillation of the deepest map, with the weight of the CRD benchmark on CIFAR-100.
methods = dict(similarity_preserving=dict(type='mmkd.SimilarityPreserving', weight=3000.0))
