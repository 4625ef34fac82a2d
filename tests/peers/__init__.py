"""Independent peers of the tests and the bench: programs that nobody of this project wrote, one
module each.

What enters is a port of the bridge; what leaves is what the peer saw. `install` brings the
programs.
"""
