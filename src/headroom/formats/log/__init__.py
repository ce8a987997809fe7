"""Log lines: their headers, templates, values, traces and times."""
