"""Builds and repairs .venv. `steps` tells the story; `machine` probes, `pins` reads, `pip` installs, `explain` says
what went wrong and what helps.
"""
