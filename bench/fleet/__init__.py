"""A suite over many machines: problems are dealt to nodes of a cluster, by kind of machine.

What a node does is the plain command, `python -m bench run --group ... --out FILE`, in a process of
its own; `engine` runs it on Ray. An adapter for another engine is a page.
"""
