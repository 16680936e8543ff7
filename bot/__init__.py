"""The program: command line, settings, wiring, lifecycle. The only place where concrete classes meet."""
