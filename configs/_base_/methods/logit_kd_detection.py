# Soft targets of a detector's classes. Both numbers are our choice: none were published for this form.
methods = dict(logit_kd=dict(type='mmkd.LogitKD', weight=1.0, temperature=1.0))
