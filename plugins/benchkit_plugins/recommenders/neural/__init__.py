"""Shared by the neural recommenders: parameters, examples, losses and the training loop.

Importing torch takes seconds: this package, `config`, `recommender`, `examples`, `masking`,
`vocabulary` and `initialised` do without; the other modules do not.
"""
