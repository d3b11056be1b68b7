"""The pointwise half of each cell: what becomes of a step's pre-activation, and back."""
