"""What a client may ask for, and how long what we know is kept: erasure, holds, retention."""
