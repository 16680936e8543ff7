"""Redis or Valkey: threads, jobs, and a server of our own for a machine that has none."""
