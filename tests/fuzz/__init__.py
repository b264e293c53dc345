"""Coverage-guided fuzzing of what receives bytes that a peer or a file chose; ``python -m tests.fuzz`` runs it."""
