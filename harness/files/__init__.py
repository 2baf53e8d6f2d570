"""Files as the engine writes them: whole or not at all, and with text that is always Unicode."""
