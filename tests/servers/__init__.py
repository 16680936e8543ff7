"""Model servers that speak the protocols over real sockets, with a model that is a function of its prompt."""
