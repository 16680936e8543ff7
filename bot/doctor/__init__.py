"""`python -m bot doctor`: what works, what does not, why, and what to do about it."""
