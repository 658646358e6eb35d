"""The conformance kit, tried on right and on deliberately wrong components."""
