_base_ = './pkd.py'
# Every level, for necks that have other than four or five
methods = dict(pkd=dict(levels=None))
