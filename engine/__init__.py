"""The machines of Glassbox and everything that makes them inspectable; usable without the web."""
