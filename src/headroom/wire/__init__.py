"""Bytes on the wire: values inside JSON, edits that leave the rest as it is, event streams. Knows no provider."""
