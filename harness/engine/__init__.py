"""The engine: cases and implementations are judged, timed and recorded."""
