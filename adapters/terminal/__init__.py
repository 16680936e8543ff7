"""The terminal as a platform: its messages live in the store, any worker can write them, any terminal can follow."""
