"""Discord: hears its gateway and what people call up, and writes answers in threads."""
