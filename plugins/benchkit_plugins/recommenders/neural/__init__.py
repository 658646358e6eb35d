"""Shared by the neural recommenders: parameters, examples, losses and the training loop.

Importing torch takes seconds: `config`, `recommender`, `examples`, `masking` and `text_initialised`
do without; the other modules do not.
"""
