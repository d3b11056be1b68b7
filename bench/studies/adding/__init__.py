"""The adding problem: a real task, trained with every kernel from the same seed.

A sequence holds two channels: uniform random values, and marks on two of them, one in either half.
The answer is the sum of the two marked values (Hochreiter & Schmidhuber, "Long Short-Term Memory",
1997, task 4), which takes memory over the whole sequence. Guessing 1 every time loses 1/6, the
variance of the sum. The network starts close to the identity, as in Le, Jaitly & Hinton,
arXiv:1504.00941.
"""
