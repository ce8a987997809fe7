"""Real payloads of this machine and the facts in them, for `headroom demo` and the benchmark."""
