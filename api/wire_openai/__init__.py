"""OpenAI's wire format, as pure functions over the same requests and events as Anthropic's."""
