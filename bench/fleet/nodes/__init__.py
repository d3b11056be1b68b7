"""The nodes of a cluster: what they are, what runs on them, and Ray, by which it gets there."""
