"""What the neural recommenders share: parameters, examples, losses and the training loop.

Importing this package, `config` and `recommender` does not import torch; the other modules do.
"""
