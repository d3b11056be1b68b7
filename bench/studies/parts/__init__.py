"""What a training step of the native kernel is made of, for every cell."""
