"""One provider API per module; each exposes one `DIALECT`."""
