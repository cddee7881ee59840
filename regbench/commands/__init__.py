"""One file for each word of the command line, of the same name."""
