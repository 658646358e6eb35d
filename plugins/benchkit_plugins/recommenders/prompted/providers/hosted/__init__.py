"""Shared by services: requests one by one, fine-tuning jobs, training files."""
