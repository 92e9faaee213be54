"""Reading an answer as it is written: thinking, text and calls of tools told apart, piece by piece."""
