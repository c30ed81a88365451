"""Detection of misalignment on real pairs: aligned as acquired against known moves."""
