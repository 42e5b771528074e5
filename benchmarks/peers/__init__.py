"""Methods of mmkd beside independent plain formulations of the same methods, as published: values, time and memory.

The plain forms are what a reader of the papers writes down first, in straightforward PyTorch, from the formulas alone.
They call nothing of mmkd.
"""
