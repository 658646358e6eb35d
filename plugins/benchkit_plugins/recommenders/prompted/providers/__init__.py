"""Providers: where a language model is fine-tuned and sampled."""
