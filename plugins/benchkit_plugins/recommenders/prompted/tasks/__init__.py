"""Tasks: what a language model is asked, and how its answer is read (paper 4.1 to 4.4)."""
