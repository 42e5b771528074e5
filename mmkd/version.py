"""The version of mmkd, in one place."""
__version__ = '0.1.0'
