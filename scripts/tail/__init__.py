"""The parts of live_tail.py: the ends of its connections, and what it remembers."""
