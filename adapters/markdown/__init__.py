"""What the platforms' adapters share of a model's Markdown: what must be honest or harmless wherever it is shown."""
