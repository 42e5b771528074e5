# Soft targets with weight and temperature of the CRD benchmark on CIFAR-100. There the student's own loss has the
# weight 0.1; here it keeps all of it.
methods = dict(logit_kd=dict(type='mmkd.LogitKD', weight=0.9, temperature=4.0))
