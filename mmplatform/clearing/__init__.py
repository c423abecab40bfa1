"""The kill path that needs no engine host: empties accounts at their venues, from a worker and a queue of its own."""
