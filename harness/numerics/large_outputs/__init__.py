"""What is known of outputs that are too large to be computed whole."""
