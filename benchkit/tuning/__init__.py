"""Tuning: the search for a configuration on folds of the training data (paper 7.1.4).

Tuning calls the stages; the command line calls tuning. While it searches, the test set is sealed.
"""
