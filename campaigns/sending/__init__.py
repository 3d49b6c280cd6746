"""How messages leave: the loop, the conversation with the mail server, and what is known of what became of them."""
