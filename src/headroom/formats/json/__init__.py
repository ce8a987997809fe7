"""JSON as SmartCrusher reads, compacts and shortens it."""
