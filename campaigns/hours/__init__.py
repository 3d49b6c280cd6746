"""Send hours: the policy that people approve, what is known of when clients read, and the draw for each message."""
