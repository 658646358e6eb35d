"""What embedders share: paid services, and encoding on this machine."""
