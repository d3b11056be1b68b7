"""A fleet of one machine, whose nodes are versions of JAX, an environment each."""
