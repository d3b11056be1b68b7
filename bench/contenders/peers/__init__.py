"""What a user would pick instead of our kernels: measured beside them, never shipped."""
