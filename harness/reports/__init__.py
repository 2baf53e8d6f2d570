"""Reports: stored records, changes and events as text; nothing here runs anything."""
