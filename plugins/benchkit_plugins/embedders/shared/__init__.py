"""Shared by embedders: paid services, and encoding on this machine."""
