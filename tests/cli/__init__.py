"""The command pie-client: installed, in processes of its own, in pipes and in pseudo-terminals."""
