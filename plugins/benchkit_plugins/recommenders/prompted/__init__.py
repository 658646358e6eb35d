"""What the prompted recommenders share (paper 4).

task        sessions to conversations, answers to ranked titles     tasks/
provider    trains a model, samples completions                     providers/
store       every completion, by content, as it arrives             store.py
matching    titles to items of the catalog                          matching.py
recommender the four together                                       recommender.py
"""
