"""The gate's rounds on several nodes at once, for each is independent of all others."""
