"""Items by the similarity of their embeddings: parameters, pooling, search."""
