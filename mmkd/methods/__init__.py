"""Methods, one file each. A config names them as ``mmkd.<Method>``."""

from mmkd.methods.base import Method
from mmkd.methods.frskd import FRSKD

__all__ = ['FRSKD', 'Method']
