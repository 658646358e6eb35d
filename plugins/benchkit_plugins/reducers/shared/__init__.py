"""Shared by reducers."""
