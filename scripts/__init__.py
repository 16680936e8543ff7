"""What `make` calls before the program's own packages exist: standard library only."""
