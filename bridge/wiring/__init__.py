"""The one composition root: settings go in, a running bridge comes out, by explicit calls."""
