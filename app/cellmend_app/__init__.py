"""Cellmend's window: a client of the library `cellmend`."""
