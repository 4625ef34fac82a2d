"""The viewer: OHIF's files enter from a folder, pages for browsers leave from a port of its own.

Images leave from here only to whoever is signed in at the console.
"""
