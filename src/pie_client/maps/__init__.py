"""A program over many inputs: ``mapping`` runs it, ``inputs`` takes the inputs as they are needed, ``journal`` keeps the answers."""
