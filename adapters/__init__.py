"""Where people are. No adapter knows another."""
