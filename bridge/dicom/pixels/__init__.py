"""Pixel data: frames as they are stored, decoded and rendered.

Enters: an opened file and what is wanted of it. Leaves: the bytes of a frame, or of an image that
a browser shows. Whatever decodes runs in processes of its own (`pool`, `worker`): decoders are
native code, and images come from anywhere.
"""
