"""The proxy: any client of an LLM API, no code change. One concern per module; `app` puts them together."""
