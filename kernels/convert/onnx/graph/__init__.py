"""Reading a model: what flows through its graph, operator by operator."""
