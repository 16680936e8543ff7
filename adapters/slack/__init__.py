"""Slack as a place where questions are asked: its events, its messages, its way of writing text."""
