"""What is special about a venue: one module an id, each with one class `Tuned`. See docs/venues.md."""
