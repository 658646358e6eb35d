"""Neighbouring sessions: what SKNN and its variants share."""
