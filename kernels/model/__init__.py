"""The model around a kernel, written once for all: checks, layers, directions, gradients."""
