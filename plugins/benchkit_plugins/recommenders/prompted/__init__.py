"""Shared by the prompted recommenders (paper 4).

task        sessions to conversations, answers to ranked titles     task.py
provider    trains a model, samples completions                     providers/ (entry points)
store       every completion, by content, as it arrives             store.py
templates   the wording, ours or a user's                           templates.py, .toml
titles      one a line in prompts, and out of completions           titles.py
matching    titles to items of the catalog                          matching.py
diagnostics what the answers were like                              diagnostics.py
recommender all of it together                                      recommender.py
"""
