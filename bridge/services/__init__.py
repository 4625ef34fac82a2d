"""Use cases: each module applies one kind of domain command in one transaction.

Enters: values of the domain, from an edge. Leaves: a result the edge can answer with, after commit.
"""
