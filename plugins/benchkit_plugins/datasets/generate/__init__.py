"""Generated samples in the raw formats: fictional titles, real shapes, text that carries signal."""
