"""The report as one HTML file: the page, its charts, and its template, style and script."""
