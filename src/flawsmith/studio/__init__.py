"""The studio: the workflows in a browser.

It holds no logic of its own: what takes long is a `flawsmith` command in a process of its own.
"""
