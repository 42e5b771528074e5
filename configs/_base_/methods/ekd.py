# Weights of the sibling's code for CIFAR-100: 60 for a mean over images and classes is 0.6 for a mean over images
methods = dict(ekd=dict(type='mmkd.EKD', subnet_weight=1.0, logit_weight=0.6, attention_weight=1.0, temperature=3.0))
