"""What installed distributions offer, and which of them a run may use."""
