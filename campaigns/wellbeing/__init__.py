"""What keeps pressure off clients: scored words, a budget for them, and calm when markets are not."""
