"""The networks themselves, one a file; they import torch, so recommenders import them late."""
