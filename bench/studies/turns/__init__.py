"""What makes one turn longer than the next: a cold start, and others on the same cores."""
