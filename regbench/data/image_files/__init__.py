"""A person's own images: files, folders, pixels."""
