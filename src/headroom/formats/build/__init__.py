"""What builds, tests and linters print: kinds of lines, outcomes, findings."""
