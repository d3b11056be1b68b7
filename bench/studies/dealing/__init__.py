"""How dealing grows: many problems, many nodes, some of them lost, without a cluster."""
