"""Reading files of records fast: gzipped JSON or Python literals, a line each."""
