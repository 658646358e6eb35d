"""Reaching language models: what embedders and prompted recommenders share.

Calls over a network, prices and tokens, pretrained models by name or folder, batches by length.
"""
