"""Where rows come from: sources, and how a source is cut into splits."""
