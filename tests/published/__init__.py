"""What scripts for the published clients meet here: their signatures, compared, and their names, used."""
