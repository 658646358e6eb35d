"""A causal language model on this machine: loaded, fine-tuned by LoRA, sampled."""
