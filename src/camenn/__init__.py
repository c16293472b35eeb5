"""CameNN: recommendations that survive a dirty catalogue."""
