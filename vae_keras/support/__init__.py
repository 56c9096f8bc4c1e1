"""General tools: errors, files, seeds, signals, settings, command lines."""
